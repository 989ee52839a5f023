"""Calibration of every class's probability, not only of the largest."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.bootstrap import RESAMPLES, interval, resampled_weights
from framework.stats.calibration.errors import expected_calibration_error
from framework.stats.calibration.resampling import calibrated, freed, join
from framework.stats.calibration.table import (
    BINS,
    ReliabilityTable,
    bin_of,
    fine_edges,
    reliability_table,
)
from framework.stats.checks import hard_and_soft, matrix
from framework.stats.estimate import Estimate

_PARTS = 4000


def class_wise_error(tables: Sequence[ReliabilityTable]) -> float:
    """Mean of the expected calibration errors of the classes' tables (`class_reliability`).

    The static calibration error of Nixon et al., "Measuring Calibration in Deep Learning",
    CVPR workshops 2019, equation 3, and of Kull et al., NeurIPS 2019, equation 2.
    """
    if not tables:
        return float("nan")
    return float(np.mean([table.expected_calibration_error for table in tables]))


def class_wise_estimate(
    probabilities: ArrayLike,
    labels: ArrayLike,
    bins: int = BINS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """`class_wise_error` over equal-width bins; rows are resampled whole.

    More than 4,000 rows are resampled in 4,000 random parts, whose sums spread the same, so that
    the cost is that of rows × classes and of resamples × 4,000 × classes.

    Args:
        probabilities: [n, classes].
        labels: int [n].
        bins, resamples, seed, level: see `table_estimates`.

    Raises:
        ValueError: shapes that do not fit, or a label outside the classes.
    """
    p = np.asarray(probabilities, np.float64)
    if p.ndim == 2 and not len(p):
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    p = matrix(p, "probabilities")
    y, _ = hard_and_soft(labels, *p.shape)
    n, classes = p.shape
    part = np.random.default_rng([seed, 2]).permutation(n) % _PARTS
    weights = list(resampled_weights(min(n, _PARTS), resamples, seed))
    drawn = np.concatenate(weights) if weights else np.zeros((0, n))
    errors = np.zeros(len(drawn))
    value = null = 0.0
    for k in range(classes):
        fine = reliability_table(p[:, k], y == k, fine_edges())
        coarse = fine.coarser(bins)
        # The mean over many classes needs fewer draws of each.
        calm = calibrated(fine, max(20, resamples // classes), seed + k)
        null += float(expected_calibration_error(join(calm, fine.edges, coarse.edges)).mean())
        value += coarse.expected_calibration_error
        errors += np.abs(drawn @ _residuals(p[:, k], y == k, part, coarse.edges)).sum(axis=1)
    sizes = drawn @ np.bincount(part).astype(np.float64)
    value, null, resampled = value / classes, null / classes, errors / sizes / classes
    return Estimate(value, *interval(freed(np.square(resampled), value**2), level), n, null)


def _residuals(
    confidence: NDArray[np.float64],
    true: NDArray[np.bool_],
    part: NDArray[np.int64],
    edges: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Summed y − p of each part in each bin, [parts, bins]."""
    bins = len(edges) - 1
    cell = part * bins + bin_of(confidence, edges)
    summed = np.bincount(cell, true - confidence, (part.max() + 1) * bins)
    return summed.reshape(-1, bins).astype(np.float64)
