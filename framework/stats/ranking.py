"""How well a score puts what is true before what is not."""

import numpy as np
from numpy.typing import ArrayLike


def area_under_roc(scores: ArrayLike, positive: ArrayLike) -> float:
    """P(score of a positive > score of a negative) + ½ P(they are equal).

    The Mann-Whitney statistic U / (n₊ n₋); Hanley and McNeil, Radiology 143, 1982.

    Args:
        scores: [n], higher means likelier positive.
        positive: [n], true or 1 where positive.

    Returns:
        A number in [0, 1]; NaN where only one of the two classes occurs.
    """
    is_positive = np.asarray(positive).astype(bool)
    _, inverse, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # equal scores share their mean rank
    positives = int(is_positive.sum())
    negatives = len(is_positive) - positives
    if not positives or not negatives:
        return float("nan")
    above = ranks[inverse][is_positive].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def average_precision(scores: ArrayLike, positive: ArrayLike) -> float:
    """Σ_k (R_k − R_{k−1}) P_k over the thresholds k, highest first, without interpolation.

    As `sklearn.metrics.average_precision_score` defines it; equal scores are one threshold.

    Args:
        scores: [n], higher means likelier positive.
        positive: [n], true or 1 where positive.

    Returns:
        A number in [0, 1]; NaN where nothing is positive.
    """
    is_positive = np.asarray(positive).astype(bool)
    values, inverse, counts = np.unique(np.asarray(scores), return_inverse=True, return_counts=True)
    hits = np.bincount(inverse, is_positive, minlength=len(values))
    positives = hits.sum()
    if not positives:
        return float("nan")
    precision = np.cumsum(hits[::-1]) / np.cumsum(counts[::-1])
    return float((precision * hits[::-1]).sum() / positives)
