"""Several corpora in one stream, each with its share of it: an order in which a place is a number.

A run that mixes by drawing cannot say where it is without replaying what was drawn. Here position
p of the stream is a function of p: of which corpus it is, how many rows of it came before, and
which row that is in the corpus's own order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import jax
import numpy as np

from framework.data.order import Order, Positions
from framework.data.random import fold, uniform
from framework.data.source import Batch, Source

BLOCK = 4096
"""Positions that are arranged together; every corpus has its share of them."""


@dataclass(frozen=True, repr=False)
class Joined:
    """Sources one after the other."""

    parts: Mapping[str, Source]

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))

    def __repr__(self) -> str:
        return f"Joined({', '.join(map(repr, self.parts.values()))})"

    @cached_property
    def starts(self) -> np.ndarray:
        """Int64 [parts + 1]: the first example of each part, and their number."""
        return np.cumsum([0, *map(len, self.parts.values())])

    def gather(self, indices: np.ndarray) -> Batch:
        """Each example from its own source, in the order asked."""
        indices = np.asarray(indices)
        part = np.searchsorted(self.starts, indices, side="right") - 1
        found = []
        for number, source in enumerate(self.parts.values()):
            own = indices[part == number]
            if len(own):
                found.append(source.gather(own - self.starts[number]))
        back = np.argsort(np.argsort(part, kind="stable"), kind="stable")
        return dict(jax.tree.map(lambda *arrays: np.concatenate(arrays)[back], *found))


@dataclass(frozen=True, repr=False)
class Mixture:
    """Joined sources that are trained on in shares of `weights`, whatever their sizes."""

    joined: Joined
    weights: tuple[float, ...]

    def __len__(self) -> int:
        return len(self.joined)

    def __repr__(self) -> str:
        return f"Mixture({self.joined!r}, {self.weights})"

    def gather(self, indices: np.ndarray) -> Batch:
        """The examples at `indices` of the joined sources."""
        return self.joined.gather(indices)

    def order(self, seed: int) -> Positions:
        """The order in which the loader trains on them."""
        return MixtureOrder(tuple(map(len, self.joined.parts.values())), self.weights, seed)


class MixtureOrder:
    """An endless sequence in which each of several sets has its share and its own epochs.

    After any number of blocks of `BLOCK` positions each set has had its share of all of them to
    within one, and at any place to within 2 + k times its share, where k is the number of sets.
    Each set's examples come in its own `Order`: all once before any comes again.

    Args:
        sizes: examples of each set; the indices of one follow those of the set before it.
        weights: positive, relative to each other.
        seed: of the orders and of the arrangement.
    """

    def __init__(self, sizes: Sequence[int], weights: Sequence[float], seed: int) -> None:
        exact = [Fraction(weight) for weight in weights]
        self._bounds = [sum(exact[:i], Fraction(0)) / sum(exact) for i in range(len(exact) + 1)]
        self._starts = np.cumsum([0, *sizes])
        self._root = fold(np.zeros(1, np.uint64), seed % 2**64)
        own = [int(fold(self._root, number)[0]) for number in range(len(sizes))]
        self._orders = [Order(size, key) for size, key in zip(sizes, own, strict=True)]
        self._last: tuple[int, np.ndarray] | None = None

    def at(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Epochs (each of its own set) and indices, int64 [count], of positions start, ….

        Returns:
            What `Order.at` does.
        """
        first, place = divmod(start, BLOCK)
        blocks = [self._block(b) for b in range(first, (start + max(count, 1) - 1) // BLOCK + 1)]
        sets = np.concatenate(blocks)
        before = self.count(first) + np.bincount(sets[:place], minlength=len(self._orders))
        sets = sets[place : place + count]
        epochs, indices = np.zeros((2, count), np.int64)
        for number, order in enumerate(self._orders):
            here = np.flatnonzero(sets == number)
            if len(here):
                epochs[here], indices[here] = order.at(int(before[number]), len(here))
        return epochs, indices + self._starts[sets]

    def count(self, blocks: int) -> np.ndarray:
        """Int64 [sets]: how many positions of each are in the first `blocks` blocks.

        Rounding the bounds between the sets, not the shares, makes them add up; rounding the
        whole stream's, not one block's, keeps the error from growing.
        """
        ends = [int(bound * blocks * BLOCK + Fraction(1, 2)) for bound in self._bounds]
        return np.diff(np.asarray(ends, np.int64))

    def _block(self, block: int) -> np.ndarray:
        """Which set each position of a block is of, int64 [BLOCK].

        The i-th of a set's n goes to a random point of the i-th n-th of the block.
        """
        if self._last is not None and self._last[0] == block:
            return self._last[1]
        counts = self.count(block + 1) - self.count(block)
        sets = np.repeat(np.arange(len(counts)), counts)
        number = np.arange(BLOCK) - np.repeat(np.cumsum(counts) - counts, counts)
        keys = fold(np.repeat(fold(self._root, len(counts) + block), BLOCK), np.arange(BLOCK))
        arranged = sets[np.argsort((number + uniform(keys)) / counts[sets], kind="stable")]
        self._last = (block, arranged)
        return np.asarray(arranged)
