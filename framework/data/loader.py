"""Batches of a split, in an order that one number resumes exactly.

Grain reads a source whose items are whole batches, gathered and augmented at once: handing out
single examples costs a hundred times as much. The order is a function of (seed, epoch) and the
position is the number of the global batch, so that nothing changes with the number of processes
or of workers.
"""

import contextlib
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from framework.data.augment import AcrossExamples, Augmentation
from framework.data.dataset import Data
from framework.data.order import Order, Positions, batch_number
from framework.data.random import example_keys, fold
from framework.data.source import Batch, Source
from framework.data.workers import begin_worker, watched

Rows = slice | np.ndarray  # of a global batch: those that this process reads
FIRST_ITEMS = 3  # what the first step takes: on_mesh keeps two ready beside it


def training_batches(
    data: Data,
    *,
    seed: int,
    start: int = 0,
    stack: int | None = None,
    rows: Rows | None = None,
    prefetch: int = 2,
    passed_over: Collection[int] = (),
) -> Iterator[Batch]:
    """The endless stream of training batches from place `start` on.

    Every example comes once an epoch; a batch may hold the end of one epoch and the start of the
    next. The global batches whose numbers are `passed_over` are left out of the stream. With
    `stack=k` each item is k consecutive batches, stacked [k, b, …]. `rows` is the part of each
    global batch that this process reads. `prefetch` items are made ahead of time, by a thread or
    by `data.workers` processes.
    """
    augmentations = tuple(
        augmentation.bind(data.spec) if isinstance(augmentation, AcrossExamples) else augmentation
        for augmentation in data.augmentations
    )
    batches = TrainingBatches(
        data.splits["train"], data.batch_size, seed, start, stack, rows, augmentations,
        frozenset(passed_over),
    )  # fmt: skip
    return _read(batches, data.workers, prefetch)


def evaluation_batches(
    data: Data,
    split: str,
    *,
    batch_size: int,
    rows: Rows | None = None,
    prefetch: int = 2,
) -> Iterator[Batch]:
    """Every example of the split once, in order, not augmented.

    The last batch is filled up with copies of the last example, whose `mask` is False.
    """
    return _read(EvaluationBatches(data.splits[split], batch_size, rows), data.workers, prefetch)


@dataclass(frozen=True)
class TrainingBatches:
    """Item i is the batch at place `start` + i, or the stack of `stack` from start + i·stack on."""

    source: Source
    batch_size: int
    seed: int
    start: int = 0
    stack: int | None = None
    rows: Rows | None = None
    augmentations: tuple[Augmentation, ...] = ()
    passed_over: frozenset[int] = frozenset()

    @cached_property
    def order(self) -> Positions:
        """The order of the stream: the source's own where it has one."""
        own = getattr(self.source, "order", None)
        return Order(len(self.source), self.seed) if own is None else own(self.seed)

    @cached_property
    def across(self) -> bool:
        """Whether examples are combined within the global batch."""
        return any(isinstance(a, AcrossExamples) for a in self.augmentations)

    def __len__(self) -> int:
        return 2**48  # endless in practice; Grain wants a number

    def __getitem__(self, item: int) -> Batch:
        count = self.stack or 1
        place = self.start + item * count
        numbers = [batch_number(place + i, self.passed_over) for i in range(count)]
        if self.across:
            # Examples are mixed within one global batch: all of it, then this process's rows.
            parts = [self._examples(number, 1, None) for number in numbers]
            parts = [jax.tree.map(lambda a: a[_chosen(self.rows)], part) for part in parts]
            batch = _joined(parts)
        elif numbers[-1] - numbers[0] == count - 1:
            batch = self._examples(numbers[0], count, self.rows)
        else:
            batch = _joined([self._examples(number, 1, self.rows) for number in numbers])
        if self.stack is None:
            return dict(batch)
        return dict(jax.tree.map(lambda a: a.reshape(count, -1, *a.shape[1:]), batch))

    def _examples(self, first: int, count: int, rows: Rows | None) -> Batch:
        """Rows of `count` consecutive batches, one after the other, in one gather."""
        epochs, indices = self.order.at(first * self.batch_size, count * self.batch_size)
        if rows is not None:
            epochs = epochs.reshape(count, -1)[:, rows].ravel()
            indices = indices.reshape(count, -1)[:, rows].ravel()
        batch = {**self.source.gather(indices), "index": indices.astype(np.int32)}
        if self.augmentations:
            keys = example_keys(self.seed, epochs, indices)
            for place, augmentation in enumerate(self.augmentations):
                batch = augmentation(batch, fold(keys, place))
        return batch


@dataclass(frozen=True)
class EvaluationBatches:
    """Item i is the i-th batch of a split in order; the last one is padded and masked."""

    source: Source
    batch_size: int
    rows: Rows | None = None

    def __len__(self) -> int:
        return (len(self.source) + self.batch_size - 1) // self.batch_size

    def __getitem__(self, item: int) -> Batch:
        places = np.arange(item * self.batch_size, (item + 1) * self.batch_size)
        places = places[_chosen(self.rows)]
        last = len(self.source) - 1
        indices = np.minimum(places, last)
        return {
            **self.source.gather(indices),
            "index": indices.astype(np.int32),
            "mask": places <= last,
        }


def _joined(parts: Sequence[Batch]) -> Batch:
    """The rows of all parts, one after the other."""
    return dict(jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts))


def _chosen(rows: Rows | None) -> Rows:
    return slice(None) if rows is None else rows


def _read(batches: Any, workers: int, prefetch: int) -> Iterator[Batch]:
    """The items of `batches`, by Grain as soon as it is there.

    Importing it takes half a second, as it brings Orbax along. It begins, on a thread, only after
    the first items, so that neither the first step nor a short evaluation waits for it.
    """
    item, imported = 0, threading.Event()
    if "grain" not in sys.modules:
        while item < len(batches) and not imported.is_set():
            yield batches[item]
            item += 1
            if item == FIRST_ITEMS:
                threading.Thread(target=_import_grain, args=(imported,)).start()
    if item < len(batches):
        yield from _by_grain(batches, item, workers, prefetch)


def _import_grain(imported: threading.Event) -> None:
    """Imports Grain on a thread.

    One of its modules imports PyArrow by `epy.lazy_imports`, which for a moment makes the imports
    of all threads lazy: another thread would be left with modules that are none.
    """
    from unittest import mock

    from etils import epy

    try:
        with mock.patch.object(epy, "lazy_imports", contextlib.nullcontext):
            import grain  # noqa: F401
    finally:  # whoever waits for it imports it again, and fails
        imported.set()


def _by_grain(batches: Any, start: int, workers: int, prefetch: int) -> Iterator[Batch]:
    import grain

    options = grain.ReadOptions(num_threads=min(prefetch, 1), prefetch_buffer_size=prefetch)
    reader = grain.MapDataset.source(batches)[start:].to_iter_dataset(options)
    if workers:
        from absl import flags

        # Grain's workers read their settings from absl's flags, which only absl's main parses.
        if not flags.FLAGS.is_parsed():
            flags.FLAGS.mark_as_parsed()
        reader = reader.mp_prefetch(
            grain.MultiprocessingOptions(
                num_workers=workers, per_worker_buffer_size=max(prefetch, 1)
            ),
            begin_worker,
        )
        return watched(iter(reader), workers)
    iterator: Iterator[Batch] = iter(reader)
    return iterator
