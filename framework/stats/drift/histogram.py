"""A numeric column as counts over bins whose edges a reference fixed once."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 512
REPEATS = 5  # a column whose values come this often on average, and are few, is few-valued


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of a column between frozen edges; tables of two parts merge by `+`, exactly.

    Bin 0 holds values up to the first edge (below all of the reference), bin i values in
    (edges[i - 1], edges[i]], and the last bin what lies above all of the reference. As a bin
    holds its upper edge, the empirical distribution function is known exactly at every edge.
    Infinite values count in the outer bins, NaN counts as missing.

    Attributes:
        edges: float64 [k], ascending; frozen. [0] if the reference held no finite value.
        counts: int64 [k + 1].
        missing: how many values were NaN.
        lowest: smallest finite value seen, +inf if none.
        highest: largest finite value seen, -inf if none.
    """

    edges: NDArray[np.float64]
    counts: NDArray[np.int64]
    missing: int
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: ArrayLike, bins: int = BINS) -> "Histogram":
        """Freezes edges at the quantiles of `values` [n] and counts them.

        A value that takes up more than one quantile (zero, after a ReLU) has a bin of its own,
        and so has each value of a column of few that repeat (`bins / 2` or fewer).

        Raises:
            ValueError: fewer than two bins, or values that are not numbers.
        """
        if bins < 2:
            raise ValueError(f"a histogram needs two bins or more, not {bins}")
        ordered = _sorted(values)
        first, last = _finite(ordered)
        edges = _quantile_edges(ordered[first:last].astype(np.float64), bins)
        empty = cls(edges, np.zeros(len(edges) + 1, np.int64), 0, np.inf, -np.inf)
        return empty._count(ordered)

    def count(self, values: ArrayLike) -> "Histogram":
        """A table of `values` [n] alone over the same edges."""
        return self._count(_sorted(values))

    def __add__(self, other: "Histogram") -> "Histogram":
        if not np.array_equal(self.edges, other.edges):
            raise ValueError(
                "histograms over different edges do not add up: count both with the same reference"
            )
        return Histogram(
            self.edges,
            self.counts + other.counts,
            self.missing + other.missing,
            min(self.lowest, other.lowest),
            max(self.highest, other.highest),
        )

    @property
    def total(self) -> int:
        """Values seen, missing ones among them."""
        return int(self.counts.sum()) + self.missing

    @property
    def outside(self) -> int:
        """Values below or above all of the reference."""
        return int(self.counts.sum() if not len(self.edges) else self.counts[[0, -1]].sum())

    @cached_property
    def atoms(self) -> NDArray[np.bool_]:
        """Which bins [k + 1] hold one value only."""
        single = np.zeros(len(self.counts), bool)
        single[1:-1] = np.nextafter(self.edges[:-1], np.inf) == self.edges[1:]
        return single

    def _count(self, ordered: NDArray[np.generic]) -> "Histogram":
        # Sorting and looking up the edges is several times as fast as looking up the values.
        present = int(np.searchsorted(ordered, np.nan)) if ordered.dtype.kind == "f" else None
        present = len(ordered) if present is None else present
        below = np.searchsorted(ordered[:present], self.edges, side="right")
        counts = np.diff(below, prepend=0, append=present).astype(np.int64)
        first, last = _finite(ordered)
        return replace(
            self,
            counts=counts,
            missing=len(ordered) - present,
            lowest=float(ordered[first]) if first < last else np.inf,
            highest=float(ordered[last - 1]) if first < last else -np.inf,
        )


def _sorted(values: ArrayLike) -> NDArray[np.generic]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"a column must be of shape [n], not {array.shape}")
    if array.size == 0:
        return np.zeros(0)
    if array.dtype.kind == "b" or array.dtype == np.float16:
        array = array.astype(np.float32)
    if array.dtype.kind not in "iuf":
        raise ValueError(
            f"a histogram counts numbers, not {array.dtype}: use Categories for discrete values"
        )
    return np.sort(array)


def _finite(ordered: NDArray[np.generic]) -> tuple[int, int]:
    """Where the finite values begin and end."""
    if ordered.dtype.kind != "f":
        return 0, len(ordered)
    return int(np.searchsorted(ordered, -np.inf, "right")), int(np.searchsorted(ordered, np.inf))


def _quantile_edges(ordered: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    n = len(ordered)
    if n == 0:
        return ordered
    values = ordered[np.flatnonzero(np.diff(ordered, prepend=-np.inf) > 0)]
    if 2 * len(values) <= bins and n >= REPEATS * len(values):
        return np.unique(np.concatenate([_just_below(values), values]))
    k = min(bins, n)
    ranks = (np.arange(1, k + 1) * n + k - 1) // k - 1
    quantiles = ordered[ranks]  # values that were seen: no interpolation between them
    repeated = quantiles[1:][np.diff(quantiles) == 0]
    lower = _just_below(np.concatenate([ordered[:1], repeated]))
    return np.unique(np.concatenate([lower, quantiles]))


def _just_below(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.nextafter(values, -np.inf)
