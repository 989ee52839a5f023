"""Counts of predictions by confidence, from which all of calibration is read."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.checks import hard_and_soft, matrix

BINS = 15  # Guo et al. (2017) and most papers since
UNIT = np.float64(2.0**-30)  # confidences are summed as whole multiples of it
_ROWS = 2**22  # at a time: their sum stays below 2^53, where float64 counts exactly


def fine_edges() -> NDArray[np.float64]:
    """Edges of the table to keep where the bins are chosen later, [1329].

    1,200 equal cells, which 10, 12, 15, 16, 20, 24, 25, 30, … bins divide, and the outermost
    two cut further, four cells to each halving of the distance to 0 or 1, 16 times: most
    confidences of a good classifier are there.
    """
    tail = 2.0 ** (-np.arange(1, 65) / 4) / 1200
    edges: NDArray[np.float64] = np.unique(np.concatenate([np.arange(1201) / 1200, tail, 1 - tail]))
    return edges


@dataclass(frozen=True, eq=False)
class ReliabilityTable:
    """Sums over bins of confidence; tables of two shards merge by `+`.

    Bin i holds confidences in (edges[i], edges[i + 1]], and the first bin also 0, as in Guo et
    al., "On Calibration of Modern Neural Networks", ICML 2017, section 2. All sums are whole
    numbers, so that any partition merged in any order gives the same table bit for bit: a
    confidence and its square are rounded to a multiple of 2⁻³⁰, which moves a mean by 5e-10 at
    most and no prediction into another bin.

    Attributes:
        edges: float64 [bins + 1], from 0 to 1.
        counts: int64 [bins], predictions in the bin.
        correct: int64 [bins], how many of them came true.
        confidence_units: int64 [bins], Σ p in units of 2⁻³⁰.
        square_units: int64 [bins], Σ p².
        correct_units: int64 [bins], Σ p of those that came true.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    correct: NDArray[np.int64]
    confidence_units: NDArray[np.int64]
    square_units: NDArray[np.int64]
    correct_units: NDArray[np.int64]

    def __add__(self, other: "ReliabilityTable") -> "ReliabilityTable":
        if len(self.counts) != len(other.counts):
            raise ValueError(f"tables of {len(self.counts)} and {len(other.counts)} bins")
        if not np.array_equal(self.edges, other.edges):
            raise ValueError("tables whose bins have different edges do not add up")
        if int(self.counts.sum()) + int(other.counts.sum()) >= 2**33:
            raise ValueError("a reliability table holds up to 2³³ predictions")
        return ReliabilityTable(
            self.edges, *(a + b for a, b in zip(self._sums(), other._sums(), strict=True))
        )

    @property
    def confidence(self) -> NDArray[np.float64]:
        """Summed confidence of each bin, float64 [bins]."""
        summed: NDArray[np.float64] = self.confidence_units * UNIT
        return summed

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

    def coarser(self, bins: "int | NDArray[np.float64]" = BINS) -> "ReliabilityTable":
        """The table of fewer bins: their number (equal width) or their edges.

        Raises:
            ValueError: an edge that this table does not have.
        """
        edges = _edges(bins)
        at = np.searchsorted(self.edges, edges)
        if at[-1] >= len(self.edges) or not np.array_equal(self.edges[at], edges):
            raise ValueError(
                f"{len(self.counts)} bins do not join to {len(edges) - 1}: an edge is missing"
            )
        return ReliabilityTable(edges, *(np.add.reduceat(s, at[:-1]) for s in self._sums()))

    def equal_mass(self, bins: int = BINS) -> "ReliabilityTable":
        """The table of about equally many predictions a bin: joins of this table's bins.

        Each edge is the one nearest to its quantile, so ties stay together, and where they
        or these bins are too coarse there are fewer than `bins`.
        """
        if bins < 1:
            raise ValueError(f"a reliability table needs a bin or more, not {bins}")
        below = np.concatenate([[0], np.cumsum(self.counts)])
        wanted = below[-1] * np.arange(1, bins) / bins
        right = np.clip(np.searchsorted(below, wanted), 1, len(below) - 1)
        nearest = right - (wanted - below[right - 1] < below[right] - wanted)
        # An edge with nothing to one side of it parts nothing.
        parts = nearest[(below[nearest] > 0) & (below[nearest] < below[-1])]
        inside = self.edges[np.unique(parts)]
        return self.coarser(np.concatenate([self.edges[:1], inside, self.edges[-1:]]))

    def _sums(self) -> tuple[NDArray[np.int64], ...]:
        return (
            self.counts,
            self.correct,
            self.confidence_units,
            self.square_units,
            self.correct_units,
        )


def reliability_table(
    confidence: ArrayLike,
    correct: ArrayLike,
    bins: int | NDArray[np.float64] = BINS,
    mask: ArrayLike | None = None,
) -> ReliabilityTable:
    """Bins `confidence` (in [0, 1], any shape) and counts what came true.

    Args:
        confidence: probability given to each prediction.
        correct: of the same shape; 1 (or True) where it came true, 0 where not.
        bins: number of equal-width bins, or their edges, from 0 to 1 (`fine_edges`).
        mask: of the same shape; only predictions where it is true count.

    Raises:
        ValueError: no bins, shapes that differ, a confidence outside [0, 1] (NaN too), or an
            outcome that is neither 0 nor 1.
    """
    edges = _edges(bins)
    if np.shape(confidence) != np.shape(correct):
        raise ValueError(
            f"confidences are {np.shape(confidence)} but outcomes are {np.shape(correct)}"
        )
    sure, true = np.asarray(confidence), np.asarray(correct)
    if mask is not None:
        if np.shape(mask) != sure.shape:
            raise ValueError(f"confidences are {sure.shape} but the mask is {np.shape(mask)}")
        keep = np.asarray(mask).astype(bool)
        sure, true = sure[keep], true[keep]
    sure, true = sure.ravel(), true.ravel()
    if not np.all((sure >= 0) & (sure <= 1 + 1e-6)):
        raise ValueError("a confidence is not between 0 and 1")
    if not np.all((true == 0) | (true == 1)):
        raise ValueError("an outcome is neither 0 nor 1")
    sums = np.zeros((5, len(edges) - 1), np.int64)
    for start in range(0, len(sure), _ROWS):
        rows = slice(start, start + _ROWS)
        sums += _count(sure[rows].astype(np.float64), true[rows].astype(np.float64), edges)
    return ReliabilityTable(edges, *sums)


def label_reliability(
    probabilities: NDArray[np.floating],
    labels: ArrayLike,
    bins: int | NDArray[np.float64] = BINS,
) -> ReliabilityTable:
    """The table of a classifier: confidence is the largest probability of each row.

    Args:
        probabilities: [n, classes].
        labels: int [n].
        bins: number of equal-width bins, or their edges.
    """
    return reliability_table(
        probabilities.max(axis=1), probabilities.argmax(axis=1) == np.asarray(labels), bins
    )


def class_reliability(
    probabilities: NDArray[np.floating],
    labels: ArrayLike,
    bins: int | NDArray[np.float64] = BINS,
) -> tuple[ReliabilityTable, ...]:
    """A table for each class k of its probability p_k against label = k; see `reliability_table`.

    Args:
        probabilities: [n, classes].
        labels: int [n].
        bins: number of equal-width bins, or their edges.

    Raises:
        ValueError: no examples, shapes that do not fit, or a label outside the classes.
    """
    p = matrix(probabilities, "probabilities")
    true, _ = hard_and_soft(labels, *p.shape)
    return tuple(reliability_table(column, true == k, bins) for k, column in enumerate(p.T))


def bin_of(confidence: NDArray[np.floating], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of the bin (edges[i], edges[i + 1]] of each confidence; 0 is in the first."""
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, len(edges) - 2)


def _count(
    sure: NDArray[np.float64], true: NDArray[np.float64], edges: NDArray[np.float64]
) -> NDArray[np.int64]:
    index = bin_of(sure, edges)
    sure = np.minimum(sure, 1)
    units, squares = np.rint(sure / UNIT), np.rint(np.square(sure) / UNIT)
    sums = [np.bincount(index, w, len(edges) - 1) for w in (true, units, squares, true * units)]
    return np.stack([np.bincount(index, minlength=len(edges) - 1), *sums]).astype(np.int64)


def _edges(bins: int | NDArray[np.float64]) -> NDArray[np.float64]:
    if isinstance(bins, int | np.integer):
        if bins < 1:
            raise ValueError(f"a reliability table needs a bin or more, not {bins}")
        return np.arange(bins + 1) / bins
    edges = np.asarray(bins, np.float64)
    if len(edges) < 2 or edges[0] != 0 or edges[-1] != 1 or not np.all(np.diff(edges) > 0):
        raise ValueError("edges of bins must rise from 0 to 1")
    return edges


def _ratio(part: NDArray[np.generic], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    out = np.full(len(whole), np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out
