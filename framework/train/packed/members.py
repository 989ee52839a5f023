"""Jobs of one program that begin at the same step: divided into packs, opened, and trained."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax

from framework.checkpoint import CheckpointMismatch, Checkpoints
from framework.config import InvalidConfig
from framework.run import RunDirectory
from framework.train.clock import Clock
from framework.train.faults import MISTAKE, TOO_LITTLE
from framework.train.opening import alone as held
from framework.train.opening import made
from framework.train.packed.alike import alone
from framework.train.packed.feed import Streams, example
from framework.train.packed.job import End, Job, Tell
from framework.train.packed.memory import device_bytes, most_rows
from framework.train.packed.pack import call_size, train_rows
from framework.train.packed.program import PackedProgram
from framework.train.packed.row import Row, Shared, open_row
from framework.train.packed.rows import padded
from framework.train.packed.told import told
from framework.train.program import Program
from framework.train.state import TrainState
from framework.train.watchdog import Watchdog


@dataclass(frozen=True)
class Members:
    """The jobs by number, and the program of each as a row.

    Attributes:
        step: with which they begin.
        limit: bytes of memory on each device; None: most of what the devices say they have.
    """

    jobs: Mapping[int, Job]
    programs: Mapping[int, Program]
    devices: tuple[jax.Device, ...]
    step: int
    tell: Tell
    limit: int | None

    def train(self) -> int:
        """In as few packs as memory allows; one job alone, or what fits nowhere, is left.

        Returns:
            0, or the exit code of a fault that all rows of a pack have met; then no other began.
        """
        most = self._most() if len(self.jobs) > 1 else 0
        packs = _divided(list(self.jobs), most) if most else []
        return next((code for numbers in packs if (code := self._train(numbers))), 0)

    def _most(self) -> int:
        """Rows that the devices hold."""
        limit = device_bytes(self.devices) if self.limit is None else self.limit
        devices = len(self.devices)
        packed, seeds = self._packed(list(self.jobs))
        with jax.set_mesh(packed.mesh):
            return most_rows(
                padded(len(self.jobs), devices), devices, limit,
                lambda rows: self._compiled(packed, (seeds * rows)[:rows]),
            )  # fmt: skip

    def _compiled(self, packed: PackedProgram, seeds: Sequence[int]) -> Any:
        """The program that a pack of these rows is going to call."""
        experiment = self._first.experiment
        streams, one = Streams(experiment.data, tuple(seeds)), packed.one_batch
        size = call_size(experiment, example(streams, None, one=True), len(seeds))
        batch = example(streams, size if size > 1 else None, one=one)
        return packed.compiled(size, _rows_of(self._like, len(seeds)), batch)

    def _train(self, numbers: Sequence[int]) -> int:
        clock = Clock.of_process()
        place = directory_of(self._first).path
        experiment = self._first.experiment
        watchdog = Watchdog(experiment.trainer.hang_seconds, clock, place / "hang-0.txt")
        shared = Shared(len(numbers), clock, watchdog, self.tell)
        with contextlib.ExitStack() as locks, watchdog.watching():
            rows = list(self._opened(numbers, shared, locks))
            if not rows:
                return 0
            packed, seeds = self._packed([row.number for row in rows])
            batch = example(Streams(experiment.data, seeds), None, one=True)
            size = call_size(experiment, batch, len(rows))
            code, said = told(lambda: train_rows(packed, rows, self._like, size))
            left = [row for row in rows if row.end is None]
            if TOO_LITTLE in said:  # in spite of what was measured: they go on alone
                for row in left:
                    row.close()
                return 0
            for row in left:
                row.give_up(code, said)
            return code

    def _opened(
        self, numbers: Sequence[int], shared: Shared, locks: contextlib.ExitStack
    ) -> Iterator[Row]:
        """The rows that could be begun; the others have ended, or are left to go on alone."""
        for place, number in enumerate(numbers):
            job, program = self.jobs[number], self.programs[number]
            directory = directory_of(job)
            try:
                made(job.experiment)
                locks.enter_context(held(directory))
                self._go_back(job)
                own = replace(job, experiment=alone(job.experiment))
                with jax.set_mesh(program.mesh):
                    row = open_row(own, number, place, program, shared)
            except (InvalidConfig, CheckpointMismatch) as error:
                self.tell(number, End(MISTAKE, str(error).splitlines()[0]))
                continue
            if row.start == self.step:
                yield row
            else:  # a checkpoint was damaged
                row.close()

    def _go_back(self, job: Job) -> None:
        """To the step that all rows have."""
        checkpoints = Checkpoints(directory_of(job).checkpoints, job.experiment.checkpoint)
        if max(checkpoints.steps(), default=0) > self.step:
            checkpoints.retire(lambda step, _: step > self.step)

    def _packed(self, numbers: Sequence[int]) -> tuple[PackedProgram, tuple[int, ...]]:
        """The program of these rows, and their seeds."""
        seeds = tuple(self.jobs[number].experiment.seed for number in numbers)
        one = len(set(seeds)) == 1
        return PackedProgram(self._program, self.devices, one), seeds

    @property
    def _first(self) -> Job:
        return next(iter(self.jobs.values()))

    @property
    def _program(self) -> Program:
        return next(iter(self.programs.values()))

    @property
    def _like(self) -> TrainState:
        """The state of one row, abstract."""
        return self._program.abstract_state(self._first.experiment.values())


def directory_of(job: Job) -> RunDirectory:
    """Where a job runs, or ran before."""
    return RunDirectory(job.experiment.run.path(job.experiment.name))


def _divided(numbers: Sequence[int], most: int) -> list[Sequence[int]]:
    """As few parts as there can be of `most` at most, nearly equal."""
    count = -(-len(numbers) // most)
    size = -(-len(numbers) // count)
    return [numbers[first : first + size] for first in range(0, len(numbers), size)]


def _rows_of(like: TrainState, rows: int) -> TrainState:
    struct: Any = jax.ShapeDtypeStruct
    stacked: TrainState = jax.tree.map(lambda leaf: struct((rows, *leaf.shape), leaf.dtype), like)
    return stacked
