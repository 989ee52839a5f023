"""False alarms over many features are kept at one promised rate."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def adjusted_p_values(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini-Hochberg: the smallest false discovery rate at which each test is a discovery.

    For p sorted upwards, q_i = min over j ≥ i of p_j · tests / j, at most 1. Rejecting where
    q ≤ rate keeps the expected share of false discoveries at the rate, and where nothing has
    drifted the chance of any alarm; it holds for independent and positively dependent tests
    (Benjamini and Hochberg 1995; Benjamini and Yekutieli 2001). NaN stays NaN and is no test.

    Raises:
        ValueError: a p-value outside [0, 1].
    """
    p = np.asarray(p_values, np.float64)
    adjusted = np.full(p.shape, np.nan)
    tests = np.flatnonzero(~np.isnan(p))
    if np.any((p[tests] < 0) | (p[tests] > 1)):
        raise ValueError("a p-value is not between 0 and 1")
    order = tests[np.argsort(p[tests], kind="stable")]
    raised = p[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(raised[::-1])[::-1], 1)
    return adjusted
