"""Equal and nearly equal examples, within the splits of a data set and across them."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.quality.banding import Pairs


@dataclass(frozen=True)
class Overlap:
    """How much of one split is in another.

    Attributes:
        examples: of the split.
        exact: of these, how many have an equal in the other split; where both are the same split,
            how many are repetitions of an earlier one.
        near: the same, of those that are equal or nearly equal.
    """

    split: str
    other: str
    examples: int
    exact: int
    near: int

    @property
    def exact_share(self) -> float:
        """`exact` of the examples; NaN without any."""
        return self.exact / self.examples if self.examples else math.nan

    @property
    def near_share(self) -> float:
        """`near` of the examples; NaN without any."""
        return self.near / self.examples if self.examples else math.nan


def row_digests(arrays: Sequence[NDArray[np.generic]]) -> NDArray[np.uint64]:
    """uint64 [rows, 2]: BLAKE2b of 128 bits over each row of all the arrays.

    Two rows that are not equal have one digest with probability 3e-39. All NaN are one number,
    and 0 and −0 are.

    Args:
        arrays: [rows, …] each, of as many rows.
    """
    rows = len(arrays[0])
    views = [_bytes(array) for array in arrays]
    found = np.empty((rows, 2), np.uint64)
    for row in range(rows):
        digest = hashlib.blake2b(digest_size=16)
        for view in views:
            digest.update(view[row])
        found[row] = np.frombuffer(digest.digest(), np.uint64)
    return found


def first_equal(keys: ArrayLike) -> NDArray[np.int64]:
    """int64 [rows]: the first row that is equal to each one, itself where there is no earlier.

    By sorting, O(rows · log rows).

    Args:
        keys: [rows, columns].
    """
    rows = np.asarray(keys)
    places = np.lexsort(rows.T[::-1])
    ordered = rows[places]
    begins = np.ones(len(rows), bool)
    begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    starts = np.flatnonzero(begins)
    found = np.empty(len(rows), np.int64)
    # A stable sort leaves equal rows in their order: the first of a group is its earliest.
    found[places] = places[starts[np.cumsum(begins) - 1]] if len(rows) else places
    return found


def conflicts(first: NDArray[np.int64], labels: NDArray[np.generic]) -> int:
    """How many groups of equal examples hold more than one label.

    Args:
        first: as `first_equal` gives.
        labels: [rows] or [rows, targets].
    """
    other = (labels != labels[first]).reshape(len(labels), -1).any(axis=1)
    return len(np.unique(first[other]))


def overlaps(
    splits: NDArray[np.int64], names: Sequence[str], first: NDArray[np.int64], near: Pairs
) -> list[Overlap]:
    """For each two splits how much of the first is in the second, and of each what repeats.

    Args:
        splits: int64 [rows], the number of each row's split.
        names: of the splits.
        first: as `first_equal` gives.
        near: pairs of rows that are `first` of their group.
    """
    members = np.zeros((len(splits), len(names)), bool)
    members[first, splits] = True
    around = members.copy()
    np.logical_or.at(around, near.first, members[near.second])
    np.logical_or.at(around, near.second, members[near.first])
    found = []
    for a, name in enumerate(names):
        own = splits == a
        for b, other in enumerate(names):
            if a == b:
                exact = int(own.sum() - members[:, a].sum())
                repeated = exact + _repeated(members[:, a], near)
                found.append(Overlap(name, other, int(own.sum()), exact, repeated))
            else:
                there, about = members[first[own], b], around[first[own], b]
                found.append(
                    Overlap(name, other, int(own.sum()), int(there.sum()), int(about.sum()))
                )
    return found


def _repeated(members: NDArray[np.bool_], near: Pairs) -> int:
    """How many groups with an example in the split are near an earlier such group."""
    inside = members[near.first] & members[near.second]
    return len(np.unique(np.maximum(near.first[inside], near.second[inside])))


def _bytes(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    rows = np.ascontiguousarray(array).reshape(len(array), -1)
    if rows.dtype.kind == "f":
        rows = np.where(np.isnan(rows), np.asarray(np.nan, rows.dtype), rows + 0)
    return np.ascontiguousarray(rows).view(np.uint8).reshape(len(rows), -1)
