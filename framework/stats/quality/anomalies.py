"""Examples that lie far from all others: distance to the nearest ones."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.checks import matrix

NEIGHBOURS = 10
REFERENCE = 10_000
_CELLS = 2**22
_FENCE = 1.5


@dataclass(frozen=True, eq=False)
class Anomalies:
    """Distances, and beyond which an example is called anomalous.

    Attributes:
        distance: float64 [rows], mean Euclidean distance to the `neighbours` nearest rows of the
            reference, but for the row itself; infinite for a row with numbers that are not
            finite, NaN for all where there is not enough data.
        threshold: exp(Q3 + 1.5 (Q3 − Q1)) of the quartiles of the reference's log distances;
            NaN where there is not enough data.
        neighbours: how many.
        reference: rows that distances were measured to.
    """

    distance: NDArray[np.float64]
    threshold: float
    neighbours: int
    reference: int

    @property
    def ranked(self) -> NDArray[np.int64]:
        """Positions of the rows beyond the threshold, the farthest first."""
        beyond = np.flatnonzero(self.distance > self.threshold)
        return beyond[np.argsort(-self.distance[beyond], kind="stable")]


def anomalies(
    rows: ArrayLike,
    reference: ArrayLike,
    *,
    neighbours: int = NEIGHBOURS,
    largest: int = REFERENCE,
    seed: int = 0,
) -> Anomalies:
    """Mean distance of each row to its nearest of the reference (Ramaswamy, Rastogi and Shim,
    SIGMOD 2000; Angiulli and Pizzuti, PKDD 2002 for the mean).

    The threshold is Tukey's fence (Exploratory Data Analysis, 1977) on the logarithms of the
    reference's own distances: 0.35% of a normal distribution lie beyond it, and measured 0.3% of
    the digits and of Fashion-MNIST and 0.7% of eight normal numbers. At most `largest` rows of the
    reference are used, drawn with `seed`, so the work is O(rows · largest) and the memory bounded.
    Of a row that is itself in the reference one distance of 0 is left out.

    Fewer than ten times as many reference rows as neighbours are not enough data.

    Args:
        rows: [n, width].
        reference: [m, width], such as the training split.

    Raises:
        ValueError: arrays of other shapes.
    """
    matrix(np.asarray(rows)[:1], "rows")
    matrix(np.asarray(reference)[:1], "reference rows")
    asked, known = np.asarray(rows, np.float32), np.asarray(reference, np.float32)
    if asked.shape[1:] != known.shape[1:]:
        raise ValueError(f"rows are {asked.shape} but reference rows {known.shape}")
    known = known[np.isfinite(known).all(axis=1)]
    if len(known) > largest:
        known = known[np.sort(np.random.default_rng(seed).permutation(len(known))[:largest])]
    if len(known) < 10 * neighbours:
        return Anomalies(np.full(len(asked), np.nan), math.nan, neighbours, len(known))
    middle = known.mean(axis=0)  # squares are subtracted: large means would drown the distances
    known = known - middle
    own = _mean_distances(known, known, neighbours)
    whole = np.isfinite(asked).all(axis=1)
    distance = np.full(len(asked), np.inf)
    distance[whole] = _mean_distances(asked[whole] - middle, known, neighbours)
    above = own[own > 0]
    if len(above) < 10 * neighbours:
        return Anomalies(np.full(len(asked), np.nan), math.nan, neighbours, len(known))
    first, third = np.quantile(np.log(above), (0.25, 0.75))
    return Anomalies(
        distance, float(np.exp(third + _FENCE * (third - first))), neighbours, len(known)
    )


def _mean_distances(
    asked: NDArray[np.float32], known: NDArray[np.float32], neighbours: int
) -> NDArray[np.float64]:
    squares = np.einsum("nd,nd->n", known, known)
    found = np.empty(len(asked))
    step = max(_CELLS // len(known), 1)
    for start in range(0, len(asked), step):
        part = asked[start : start + step]
        cells = squares - 2 * part @ known.T
        # One more than asked for: the row itself, if it is there.
        near = np.argpartition(cells, neighbours, axis=1)[:, : neighbours + 1]
        apart = known[near] - part[:, None]
        exact = np.sort(np.sqrt(np.einsum("nkd,nkd->nk", apart, apart, dtype=np.float64)), axis=1)
        itself = exact[:, 0] == 0
        found[start : start + step] = np.where(
            itself, exact[:, 1:].mean(axis=1), exact[:, :-1].mean(axis=1)
        )
    return found
