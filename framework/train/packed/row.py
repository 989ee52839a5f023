"""A run that is a row of a pack: opened, told of every step, and ended as if it were alone."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
from rich.console import Console

from framework.checkpoint import Checkpoints
from framework.run import RunDirectory
from framework.tracking import Tracker, TrackerOptions, open_trackers
from framework.train.beginning import begin
from framework.train.clock import Clock
from framework.train.faults import START_AGAIN
from framework.train.listeners.accounting import Accounting
from framework.train.listeners.progress import LOG_WIDTH
from framework.train.listeners.saving import Saving
from framework.train.listeners.start import Start
from framework.train.loop import Loop, Outcome, Then
from framework.train.opening import record
from framework.train.packed.evaluation import RowWatch
from framework.train.packed.job import End, Job, Tell
from framework.train.packed.moment import RowMoment
from framework.train.packed.told import told
from framework.train.program import Program
from framework.train.run import exit_code
from framework.train.setting import Setting
from framework.train.state import TrainState
from framework.train.summary import summarise
from framework.train.training import equip, finish
from framework.train.watchdog import Watchdog

LOG = "trial.log"
GOES_ON = -1


@dataclass
class Row:
    """A run under way.

    Attributes:
        number: of its job.
        tell: told of its end, but where it goes on alone.
        state: with which it begins; None once the pack has it.
        start: the step at which it does.
        end: how it ended; None while it goes on.
        then: what its loop was stopped for.
    """

    number: int
    job: Job
    setting: Setting
    state: TrainState | None
    start: int
    loop: Loop
    saving: Saving
    accounting: Accounting
    tell: Tell
    end: End | None = None
    then: Then = "conclude"
    _hear: Sequence[Callable[[RowMoment], None]] = ()

    def __post_init__(self) -> None:
        heard = (getattr(each, "on_step", None) for each in self.loop.listeners)
        self._hear = [method for method in heard if method is not None]

    def hear(self, moment: RowMoment) -> None:
        """After a call; a fault that is this row's own ends it, and no other."""

        def work() -> int:
            for method in self._hear:
                method(moment)
            return self._finish(moment.state, moment.step) if self.loop.stopped else GOES_ON

        self._guarded(work)

    def conclude(self, state: TrainState, step: int) -> None:
        """After the last call of all."""
        self._guarded(lambda: self._finish(state, step))

    def give_up(self, code: int, message: str) -> None:
        """Ends without another word, as all rows have met the same fault."""
        self._ended(End(code, message, packed=True))

    def _guarded(self, work: Callable[[], int]) -> None:
        code, said = told(work)
        if code == GOES_ON:
            return
        why = self.loop.stopped or said if code else ""
        self._ended(End(code, why, packed=True))

    def _ended(self, end: End) -> None:
        self.end = end
        self.close(complete=end.code == 0 and self.then == "conclude")
        if self.then != "go_back":
            self.tell(self.number, end)

    def _finish(self, state: TrainState, step: int) -> int:
        """Saves and, where it is to be, evaluates and reports; returns the exit code."""
        own = self.setting
        with jax.set_mesh(own.program.mesh):
            outcome = finish(own, self.loop, self.saving, state, step, self.start)
            self.then = outcome.then
            if outcome.then == "go_back":  # which is for it alone to do
                return START_AGAIN
            if outcome.then == "conclude":
                self._report(outcome)
            return exit_code(own.experiment, own.directory, outcome, own.console)

    def _report(self, outcome: Outcome) -> None:
        from framework.train.conclude import conclude  # late, as it brings the report

        experiment = self.job.experiment
        if experiment.tracker.wandb.enabled:
            # W&B has one run at a time in a process: it is given the whole run at its end.
            self.setting.tracker.close(True)
            tracker = _tracker(self.job, self.setting.directory, experiment.tracker, outcome.step)
            self.setting = replace(self.setting, tracker=tracker)
            self.accounting.tracker = tracker
        self.accounting.log(outcome.step)
        conclude(self.setting, outcome)

    def close(self, *, complete: bool = False) -> None:
        """Lets go of files and threads."""
        with contextlib.ExitStack() as last:
            last.callback(_console_file(self.setting.console).close)
            last.callback(told, self.setting.checkpoints.close)
            last.callback(self.setting.tracker.close, complete)
            last.callback(self.accounting.write)


@dataclass(frozen=True)
class Shared:
    """What the rows of a pack have in common.

    Attributes:
        rows: how many they are.
        tell: told of each end, with the job's number.
    """

    rows: int
    clock: Clock
    watchdog: Watchdog
    tell: Tell


def open_row(job: Job, number: int, place: int, program: Program, shared: Shared) -> Row:
    """Begins or continues a run; its directory is locked by the caller.

    Args:
        job: whose mesh is that of one row.
        place: of the row among the others.

    Raises:
        CheckpointMismatch, InvalidConfig: as `begin`.
    """
    experiment = job.experiment
    directory = RunDirectory(experiment.run.path(experiment.name))
    console = _console(directory)
    checkpoints = Checkpoints(directory.checkpoints, experiment.checkpoint, warn=console.print)
    state, start, memory, bad_steps = begin(
        experiment, job.config, program, checkpoints, directory, console
    )
    packed = {
        "command": ["experiments.run", *job.overrides],  # which continues it alone
        "packed": {"rows": shared.rows, "row": place},
    }
    summary = summarise(program.network, state)
    record(directory, experiment, job.config, job.overrides, summary, packed)
    console.print(f"Row {place} of {shared.rows} of one program.")
    options = experiment.tracker
    without = replace(options, wandb=replace(options.wandb, enabled=False))
    tracker = _tracker(job, directory, without, start)
    setting = Setting(
        experiment, directory, program, checkpoints, tracker, console, job.config, bad_steps,
        shared.clock, shared.watchdog,
    )  # fmt: skip
    loop = Loop(call=_nothing, feed=_nothing, clock=shared.clock)
    accounting = Accounting(directory.path, shared.clock, tracker, start)
    watch = RowWatch(loop, experiment)
    saving = equip(setting, loop, state, start, watch, [accounting], memory)
    # No row has the device to itself: of how well that is used none tells.
    heard = [each for each in loop.listeners if not isinstance(each, Start)]
    loop.listeners = heard if place else [*heard, Start(checkpoints.warm_up)]
    return Row(
        number, job, setting, state, start, loop, saving, accounting, shared.tell
    )  # fmt: skip


def _tracker(job: Job, directory: RunDirectory, options: TrackerOptions, step: int) -> Tracker:
    return open_trackers(
        options, directory.path, config=job.config,
        name=f"{job.experiment.name}/{directory.path.name}", resume_step=step or None,
        warn=lambda text: print(text, file=sys.stderr),
    )  # fmt: skip


def _console(directory: RunDirectory) -> Console:
    """What the run says goes to a file of its own."""
    file = (directory.path / LOG).open("a", buffering=1, encoding="utf-8")
    return Console(file=file, highlight=False, soft_wrap=True, width=LOG_WIDTH)


def _console_file(console: Console) -> Any:
    return console.file


def _nothing(*_: Any) -> Any:
    raise AssertionError("a row makes no calls of its own")
