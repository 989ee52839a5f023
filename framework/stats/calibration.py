"""Calibration: does what the model calls 80 % happen eight times in ten?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 15  # Guo et al. (2017) and most papers since


@dataclass(frozen=True, eq=False)
class ReliabilityTable:
    """Sums over equal-width bins of confidence; tables of two shards merge by `+`.

    Bin i of m holds confidences in (i/m, (i+1)/m], and the first bin also 0, as in Guo et al.,
    "On Calibration of Modern Neural Networks", ICML 2017, section 2.

    Attributes:
        counts: int64 [bins], predictions in the bin.
        confidence: float64 [bins], their summed confidence.
        correct: float64 [bins], how many of them came true.
    """

    counts: NDArray[np.int64]
    confidence: NDArray[np.float64]
    correct: NDArray[np.float64]

    def __add__(self, other: "ReliabilityTable") -> "ReliabilityTable":
        if len(self.counts) != len(other.counts):
            raise ValueError(f"tables of {len(self.counts)} and {len(other.counts)} bins")
        return ReliabilityTable(
            self.counts + other.counts,
            self.confidence + other.confidence,
            self.correct + other.correct,
        )

    @property
    def edges(self) -> NDArray[np.float64]:
        """Bounds of the bins, [bins + 1], from 0 to 1."""
        return _edges(len(self.counts))

    @property
    def mean_confidence(self) -> NDArray[np.float64]:
        """Mean confidence of each bin; NaN where the bin is empty."""
        return _ratio(self.confidence, self.counts)

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Share of each bin that came true; NaN where the bin is empty."""
        return _ratio(self.correct, self.counts)

    @property
    def expected_calibration_error(self) -> float:
        """Σ_b (n_b / n) |accuracy_b − confidence_b|, Guo et al. (2017), equation 3.

        NaN for a table without predictions.
        """
        total = self.counts.sum()
        gaps = np.abs(self.correct - self.confidence).sum()
        return float(gaps / total) if total else float("nan")


def reliability_table(
    confidence: ArrayLike, correct: ArrayLike, bins: int = BINS
) -> ReliabilityTable:
    """Bins `confidence` (in [0, 1], any shape) and counts what came true.

    Args:
        confidence: probability given to each prediction.
        correct: of the same shape; 1 (or True) where it came true, 0 where not.
        bins: number of equal-width bins.

    Raises:
        ValueError: no bins, shapes that differ, or a confidence outside [0, 1] (NaN too).
    """
    if bins < 1:
        raise ValueError(f"a reliability table needs a bin or more, not {bins}")
    if np.shape(confidence) != np.shape(correct):
        raise ValueError(
            f"confidences are {np.shape(confidence)} but outcomes are {np.shape(correct)}"
        )
    sure = np.asarray(confidence, np.float64).ravel()
    true = np.asarray(correct, np.float64).ravel()
    if not np.all((sure >= 0) & (sure <= 1 + 1e-6)):
        raise ValueError("a confidence is not between 0 and 1")
    # "left" puts a confidence that equals an edge into the bin below it: (lower, upper].
    bin_of = np.clip(np.searchsorted(_edges(bins), sure, side="left") - 1, 0, bins - 1)
    return ReliabilityTable(
        np.bincount(bin_of, minlength=bins).astype(np.int64),
        np.bincount(bin_of, sure, minlength=bins).astype(np.float64),
        np.bincount(bin_of, true, minlength=bins).astype(np.float64),
    )


def label_reliability(
    probabilities: NDArray[np.floating], labels: ArrayLike, bins: int = BINS
) -> ReliabilityTable:
    """The table of a classifier: confidence is the largest probability of each row.

    Args:
        probabilities: [n, classes].
        labels: int [n].
        bins: number of equal-width bins.
    """
    return reliability_table(
        probabilities.max(axis=1), probabilities.argmax(axis=1) == np.asarray(labels), bins
    )


def _edges(bins: int) -> NDArray[np.float64]:
    return np.arange(bins + 1) / bins


def _ratio(part: NDArray[np.float64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    out = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out
