"""Pairs of rows that are likely alike, found by sorting: no comparison of all with all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

WINDOW = 32
MOST = 1_000_000
_AT_ONCE = 4096

Similarity = Callable[[NDArray[np.int64], NDArray[np.int64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Pairs:
    """Pairs of rows, the most similar first.

    Attributes:
        first: int64 [pairs], the row that comes first in the data.
        second: int64 [pairs].
        similarity: float64 [pairs].
        complete: False where more were found than are kept.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float64]
    complete: bool = True

    def __len__(self) -> int:
        return len(self.first)


def no_pairs() -> Pairs:
    """None at all."""
    nothing = np.zeros(0, np.int64)
    return Pairs(nothing, nothing, np.zeros(0))


def similar_pairs(
    signatures: NDArray[np.uint64],
    orders: NDArray[np.generic],
    similarity: Similarity,
    threshold: float,
    *,
    window: int = WINDOW,
    most: int = MOST,
) -> Pairs:
    """Pairs with `similarity` of at least `threshold` among rows that share a signature.

    Each table of signatures sorts the rows; those that share one lie side by side, by its order,
    and each is compared with the next `window` of them. So the work is
    O(tables · rows · (log rows + window)) and the memory O(rows + pairs), whatever the data; in a
    crowd of more than `window` rows of one signature some pairs of a table go unseen.
    (Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3: banding.)

    Args:
        signatures: [rows, tables].
        orders: [rows, tables], numbers that are near for rows that are alike.
        similarity: of the rows at two arrays of positions.
        most: pairs that are kept, the most similar ones.
    """
    rows = len(signatures)
    kept, complete = no_pairs(), True
    for table, order in zip(signatures.T, orders.T, strict=True):
        parts = [kept]
        for first, second in _side_by_side(table, order, window):
            for start in range(0, len(first), _AT_ONCE):
                a, b = first[start : start + _AT_ONCE], second[start : start + _AT_ONCE]
                found = similarity(a, b)
                alike = found >= threshold
                if alike.any():
                    parts.append(Pairs(a[alike], b[alike], found[alike]))
        kept, cut = _joined(parts, rows, most)
        complete = complete and not cut
    return Pairs(kept.first, kept.second, kept.similarity, complete)


def _side_by_side(
    table: NDArray[np.uint64], order: NDArray[np.generic], window: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows that share a signature, at each distance up to `window` in their order."""
    places = np.lexsort((order, table))
    ordered = table[places]
    for distance in range(1, min(window, len(places) - 1) + 1):
        same = np.flatnonzero(ordered[distance:] == ordered[:-distance])
        if not len(same):
            return
        a, b = places[same], places[same + distance]
        yield np.minimum(a, b), np.maximum(a, b)


def _joined(parts: list[Pairs], rows: int, most: int) -> tuple[Pairs, bool]:
    """Each pair once, the most similar first; and whether some were left out."""
    first = np.concatenate([part.first for part in parts])
    second = np.concatenate([part.second for part in parts])
    similarity = np.concatenate([part.similarity for part in parts])
    _, once = np.unique(first * rows + second, return_index=True)
    chosen = once[np.argsort(-similarity[once], kind="stable")]
    cut = len(chosen) > most
    chosen = chosen[:most]
    return Pairs(first[chosen], second[chosen], similarity[chosen]), cut
