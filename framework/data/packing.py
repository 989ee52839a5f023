"""Which pieces of which documents make up each row of packed text, planned from lengths alone."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Packing:
    """Row r is the pieces `first[r]`, …, `first[r + 1] - 1`, one after the other.

    A piece is `lengths` places of its document from place `starts` on (int64 [pieces] both);
    `documents` says of which one, `first` is int64 [rows + 1].
    """

    first: np.ndarray
    documents: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.first) - 1


def pack(lengths: np.ndarray, size: int) -> Packing:
    """Rows of at most `size` places that hold every place of every document exactly once.

    A document is cut into pieces of `size`, which are rows of their own, and one remainder. The
    remainders share rows, best fit decreasing: longest first, each into the row that it fills
    best. That takes at most 11/9 of the fewest possible rows, and one (Johnson, Demers, Ullman,
    Garey and Graham, SIAM J. Comput. 3, 1974).

    Args:
        lengths: int [documents], the places of each.
        size: places in a row.
    """
    lengths = np.asarray(lengths, np.int64)
    full, rest = np.divmod(lengths, size)
    documents = np.repeat(np.arange(len(lengths)), full)
    numbers = np.arange(len(documents)) - np.repeat(np.cumsum(full) - full, full)
    short = np.flatnonzero(rest)
    rows = _best_fit_decreasing(rest[short], size)
    order = np.argsort(rows, kind="stable")
    last = short[order]
    shared = np.bincount(rows, minlength=0) if len(rows) else np.zeros(0, np.int64)
    return Packing(
        first=np.concatenate([[0], np.cumsum(np.concatenate([np.ones_like(documents), shared]))]),
        documents=np.concatenate([documents, last]),
        starts=np.concatenate([numbers * size, full[last] * size]),
        lengths=np.concatenate([np.full(len(documents), size), rest[last]]),
    )


def _best_fit_decreasing(lengths: np.ndarray, size: int) -> np.ndarray:
    """A row for each of `lengths` (none above `size`), int64; rows are numbered as they begin."""
    chosen = np.zeros(len(lengths), np.int64)
    open_rows: list[list[int]] = [[] for _ in range(size + 1)]  # by the room that is left
    rooms = 0  # bit r is set where some row has room r
    count = 0
    for place in np.argsort(-lengths, kind="stable").tolist():
        length = int(lengths[place])
        enough = rooms >> length
        if enough:
            room = length + (enough & -enough).bit_length() - 1
            row = open_rows[room].pop()
            if not open_rows[room]:
                rooms ^= 1 << room
        else:
            room, row, count = size, count, count + 1
        chosen[place] = row
        left = room - length
        if left:
            open_rows[left].append(row)
            rooms |= 1 << left
    return chosen
