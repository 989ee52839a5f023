"""Rows that train together, until each has come to its own end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from framework.data import on_mesh
from framework.train import steps_per_call
from framework.train.checks import intervals
from framework.train.experiment import Experiment
from framework.train.faults import START_AGAIN
from framework.train.listeners.interruption import interruptible
from framework.train.loop import Loop, Moment
from framework.train.packed.evaluation import predictor
from framework.train.packed.feed import Streams, largest_stack
from framework.train.packed.moment import RowMoment, Together
from framework.train.packed.program import PackedProgram
from framework.train.packed.row import Row
from framework.train.packed.rows import as_rows, fewest, ladder, on_host, row_of, stacked
from framework.train.state import TrainState
from framework.train.step import Batch
from framework.train.training import advance

Slots = Sequence[Row | None]
"""The row at each place of the program; None: a dummy."""


def train_rows(packed: PackedProgram, rows: Sequence[Row], like: TrainState, size: int) -> int:
    """Trains until each of the rows has ended; they begin at the same step.

    Args:
        like: the state of one row, abstract, where it lies when it is alone.
        size: steps in a call.

    Returns:
        0, or 75 where a signal asked for the end.
    """
    first = rows[0].job.experiment
    sizes = ladder(len(rows), len(packed.devices))
    slots: Slots = [*rows, *[None] * (sizes[0] - len(rows))]
    state = stacked([(row or rows[0]).state for row in slots], packed.by_rows)
    for each in rows:
        begun, each.state = each.state, None
        if each.loop.stopped and begun is not None:  # before: it has only to be concluded
            each.conclude(begun, each.start)
    step, asked = rows[0].start, Loop(call=_nothing, feed=_nothing)
    clock = rows[0].loop.clock
    with interruptible(asked, first.trainer.grace_seconds), clock.during("step"):
        with jax.set_mesh(packed.mesh):
            while step < first.trainer.steps and not asked.stopped and _going(slots):
                loop = _loop(packed, slots, like, asked, sizes)
                state, step = advance(loop, state, step, first.trainer.steps, size)
                slots, state = _shrunk(slots, state, sizes, packed)
        host = on_host(state)
        for place, row in enumerate(slots):
            if row is not None and row.end is None:
                if asked.stopped:
                    row.loop.stop(asked.stopped, asked.then)
                row.conclude(row_of(host, place, like), step)
    return START_AGAIN if asked.stopped else 0


def call_size(experiment: Experiment, batch: Batch, rows: int) -> int:
    """How many steps a call makes: as many as nobody listens between.

    A device that packs gain on would wait for the host between calls.

    Args:
        batch: of one row.
    """
    trainer = experiment.trainer
    if trainer.steps_per_call != "auto":
        return trainer.steps_per_call
    every = intervals(trainer, experiment.evaluation, experiment.checkpoint)
    most = steps_per_call.candidate(every.values())
    sizes = [size for size in range(1, most + 1) if most % size == 0]
    return largest_stack(batch, rows, sizes)


@dataclass
class _Ears:
    """Tells every row of a call, and the pack's loop when it is to stop.

    Attributes:
        asked: stopped by a signal.
    """

    loop: Loop
    slots: Slots
    asked: Loop
    sizes: Sequence[int]
    together: Any

    def on_step(self, moment: Moment) -> None:
        """Rows that end now do so before the next call."""
        all_rows = self.together(moment)
        for place, row in enumerate(self.slots):
            if row is not None and row.end is None:
                row.hear(RowMoment.of(all_rows, place))
        if self.asked.stopped:
            self.loop.stop(self.asked.stopped)
        elif not _going(self.slots):
            self.loop.stop("every row has ended")
        elif _left(self.slots, self.sizes) < len(self.slots):
            self.loop.stop("fewer rows are left")


def _loop(
    packed: PackedProgram, slots: Slots, like: TrainState, asked: Loop, sizes: Sequence[int]
) -> Loop:
    """The loop of all rows, as many as they are now."""
    rows = [row for row in slots if row is not None]
    own = rows[0]
    experiment = own.job.experiment
    streams = Streams(experiment.data, tuple((row or own).job.experiment.seed for row in slots))
    evaluation = experiment.evaluation
    predict = predictor(
        packed, experiment.data, evaluation.split,
        evaluation.batch_size or experiment.data.batch_size, own.setting.watchdog.beat,
    )  # fmt: skip

    def feed(step: int, size: int) -> Iterator[Batch]:
        batches = streams.batches(step, size if size > 1 else None, one=packed.one_batch)
        return on_mesh(batches, lambda batch: jax.device_put(batch, packed.batches))

    loop = Loop(call=lambda size: _call(packed, size), feed=feed, clock=own.loop.clock)
    ears = _Ears(loop, slots, asked, sizes, lambda moment: Together(moment, predict, like))
    loop.listeners = [ears]
    return loop


def _call(packed: PackedProgram, size: int) -> Any:
    """The program of so many steps, compiled for what it is first called with."""
    ready: list[Any] = []

    def call(state: TrainState, batch: Batch) -> Any:
        if not ready:
            ready.append(packed.compiled(size, state, batch))
        return ready[0](state, batch)

    return call


def _shrunk(
    slots: Slots, state: TrainState, sizes: Sequence[int], packed: PackedProgram
) -> tuple[Slots, TrainState]:
    """The rows that go on in as small a program as there is for them."""
    room = _left(slots, sizes)
    if not _going(slots) or room == len(slots):
        return slots, state
    places = [place for place, row in enumerate(slots) if row is not None and row.end is None]
    chosen = [*places, *[places[0]] * (room - len(places))]
    host = jax.tree.map(lambda array: array[chosen], on_host(state))
    dummies = [None] * (room - len(places))
    return [*(slots[place] for place in places), *dummies], as_rows(host, state, packed.by_rows)


def _left(slots: Slots, sizes: Sequence[int]) -> int:
    """How many rows the program should have.

    A row that failed stays as a dummy, so that it changes nothing for its neighbours, to the
    bit; the next one that is pruned takes it along.
    """
    ended = [row for row in slots if row is not None and row.end is not None]
    if all(row.then in ("fail", "go_back") for row in ended):
        return len(slots)
    return min(len(slots), fewest(max(1, len(_going(slots))), sizes))


def _going(slots: Slots) -> list[Row]:
    return [row for row in slots if row is not None and row.end is None]


def _nothing(*_: Any) -> Any:
    raise AssertionError("the loop that hears signals makes no calls")
