"""A discrete column as counts of the values that a reference knew."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST = 1000
_NUMBERS = "biuf"


@dataclass(frozen=True, eq=False)
class Categories:
    """Counts of known values, of others and of missing ones (None, NaN); merges by `+`, exactly.

    Attributes:
        known: [k], sorted values of one type; frozen.
        counts: int64 [k].
        other: how many values are not among the known.
        missing: how many values are None or NaN.
    """

    known: NDArray[Any]
    counts: NDArray[np.int64]
    other: int = 0
    missing: int = 0

    @classmethod
    def of(
        cls, values: ArrayLike, known: ArrayLike | None = None, most: int = MOST
    ) -> "Categories":
        """Freezes what is known and counts `values` [n].

        Args:
            values: integers, booleans, strings or an object array of them and None.
            known: the values to tell apart; without it the `most` frequent ones of `values`
                (the smaller first among equals), and the rest count as other.
            most: bounds the table for a column of names or keys.
        """
        present, _ = _present(values)
        if known is None:
            distinct, counts = np.unique(present, return_counts=True)
            table = np.sort(distinct[np.argsort(-counts, kind="stable")[:most]])
        else:
            table = np.unique(np.asarray(known))
        return cls(table, np.zeros(len(table), np.int64)).count(values)

    def count(self, values: ArrayLike) -> "Categories":
        """A table of `values` [n] alone over the same known values.

        Raises:
            ValueError: numbers where names are known, or names where numbers are.
        """
        present, missing = _present(values)
        if not len(self.known) or not len(present):
            counts = np.zeros(len(self.known), np.int64)
            return replace(self, counts=counts, other=len(present), missing=missing)
        if (self.known.dtype.kind in _NUMBERS) != (present.dtype.kind in _NUMBERS):
            raise ValueError(f"the known values are {self.known.dtype}, but these {present.dtype}")
        place = np.minimum(np.searchsorted(self.known, present), len(self.known) - 1)
        hits = place[self.known[place] == present]
        counts = np.bincount(hits, minlength=len(self.known)).astype(np.int64)
        return replace(self, counts=counts, other=len(present) - len(hits), missing=missing)

    def __add__(self, other: "Categories") -> "Categories":
        if not np.array_equal(self.known, other.known):
            raise ValueError(
                "tables of different known values do not add up: count both with one reference"
            )
        return Categories(
            self.known,
            self.counts + other.counts,
            self.other + other.other,
            self.missing + other.missing,
        )

    @property
    def total(self) -> int:
        """Values seen, missing ones among them."""
        return int(self.counts.sum()) + self.other + self.missing

    @property
    def outside(self) -> int:
        """Values that the reference did not know."""
        return self.other


def _present(values: ArrayLike) -> tuple[NDArray[Any], int]:
    """The values that are there [m], and how many are not."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"a column must be of shape [n], not {array.shape}")
    if array.dtype.kind == "O":
        kept = [value for value in array.tolist() if value is not None and value == value]
        present = np.array(kept) if kept else np.zeros(0, np.int64)
    elif array.dtype.kind == "f":
        present = array[~np.isnan(array)]
    else:
        present = array
    if present.dtype.kind not in _NUMBERS + "US":
        raise ValueError(f"discrete values are numbers or strings, not {present.dtype}")
    return present, len(array) - len(present)
