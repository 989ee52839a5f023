"""Distances between confidence and accuracy over bins.

Each takes sums over bins [..., bins] (counts, summed confidence, how many came true), so that a
thousand resampled tables are one call; a `ReliabilityTable` gives them by `binned(table)`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from framework.stats.calibration.table import ReliabilityTable


class Binned(NamedTuple):
    """Sums over bins, each float64 [..., bins]."""

    counts: NDArray[np.float64]
    confidence: NDArray[np.float64]
    correct: NDArray[np.float64]


def binned(table: ReliabilityTable) -> Binned:
    """The sums of one table."""
    return Binned(
        table.counts.astype(np.float64), table.confidence, table.correct.astype(np.float64)
    )


def expected_calibration_error(sums: Binned) -> NDArray[np.float64]:
    """Σ_b (n_b / n) |ȳ_b − p̄_b|, [...]; NaN without predictions. Guo et al., ICML 2017."""
    return _over(np.abs(sums.correct - sums.confidence).sum(-1), sums.counts.sum(-1))


def maximum_calibration_error(sums: Binned) -> NDArray[np.float64]:
    """max_b |ȳ_b − p̄_b| over bins that are not empty, [...]. Guo et al., ICML 2017, equation 5.

    One prediction in a bin can be all of it: read it beside its value under calibration.
    """
    gaps = np.abs(sums.correct - sums.confidence) / np.maximum(sums.counts, 1)
    largest = np.where(sums.counts > 0, gaps, -np.inf).max(-1)
    return np.where(np.isfinite(largest), largest, np.nan)


def debiased_square(sums: Binned) -> NDArray[np.float64]:
    """Σ_b (n_b / n) [(ȳ_b − p̄_b)² − ȳ_b (1 − ȳ_b) / (n_b − 1)], [...]; may be below zero.

    Without bias for the square of the root mean squared gap where confidence is constant in a
    bin: Bröcker, Climate Dynamics 39, 2012, equation 5 (the reliability of Brier's score);
    Kumar, Liang and Ma, "Verified Uncertainty Calibration", NeurIPS 2019, definition 5.1. A bin
    of one prediction adds nothing, as in their implementation; NaN where no bin has two.
    """
    counts = np.maximum(sums.counts, 1)
    accuracy = sums.correct / counts
    variance = accuracy * (1 - accuracy) / np.maximum(counts - 1, 1)
    square = np.square(accuracy - sums.confidence / counts) - variance
    enough = sums.counts > 1
    total = np.where(enough, sums.counts * square, 0).sum(-1)
    return np.where(enough.any(-1), _over(total, sums.counts.sum(-1)), np.nan)


def debiased_calibration_error(sums: Binned) -> NDArray[np.float64]:
    """√max(0, `debiased_square`), [...]: the root mean squared gap, freed of its noise."""
    return np.sqrt(np.maximum(debiased_square(sums), 0))


def _over(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
