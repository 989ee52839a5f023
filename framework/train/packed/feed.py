"""The batches of the rows: those of each row's own seed, read once for all rows that share it."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from framework.data import Data, training_batches
from framework.train.step import Batch

MOST_BYTES = 1 << 28  # of batches of all rows that are given to the devices at once


@dataclass(frozen=True)
class Streams:
    """What the rows are fed with.

    Attributes:
        data: of all rows.
        seeds: of each row, dummies included.
    """

    data: Data
    seeds: tuple[int, ...]

    @property
    def one(self) -> bool:
        """Whether all rows see the same batches."""
        return len(set(self.seeds)) == 1

    def batches(self, start: int, stack: int | None, *, one: bool) -> Iterator[Batch]:
        """From step `start` on: [rows, …] or, where all rows have `one`, without rows."""
        known = list(dict.fromkeys(self.seeds))
        # Processes for each of many streams would be too many; the batches are the same.
        data = self.data if len(known) == 1 else replace(self.data, workers=0)
        with contextlib.ExitStack() as opened:
            streams = []
            for seed in known:
                stream = training_batches(data, seed=seed, start=start, stack=stack)
                opened.callback(getattr(stream, "close", lambda: None))
                streams.append(stream)
            for parts in zip(*streams, strict=True):
                yield parts[0] if one else _stacked(parts, [known.index(s) for s in self.seeds])


def example(streams: Streams, stack: int | None, *, one: bool) -> Batch:
    """A batch, for its shapes and types."""
    data = replace(streams.data, workers=0)
    batches = training_batches(data, seed=streams.seeds[0], stack=stack, prefetch=0)
    batch = next(batches)
    return batch if one else _stacked([batch], [0] * len(streams.seeds))


def largest_stack(batch: Batch, rows: int, sizes: Sequence[int]) -> int:
    """The largest of `sizes` whose stacked batches of all rows are not too many bytes."""
    each = rows * sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(batch))
    return max(size for size in sizes if size == 1 or size * each <= MOST_BYTES)


def _stacked(parts: Sequence[Mapping[str, Any]], places: Sequence[int]) -> Batch:
    return dict(jax.tree.map(lambda *a: np.stack([a[place] for place in places]), *parts))
