"""The middle of a run: the loop with the listeners that the configuration asks for."""

import functools
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from framework.data import WorkerLost, batch_number, on_mesh, training_batches
from framework.parallel import batch_putter, by_first, is_first, process_rows, several
from framework.train import steps_per_call
from framework.train.arithmetic import Utilisation
from framework.train.bad_steps import note, passed_over
from framework.train.checks import intervals
from framework.train.experiment import Experiment
from framework.train.listeners.bad_step import BadStepWatch
from framework.train.listeners.interruption import REASON, interruptible
from framework.train.listeners.profile import ProfileWindow
from framework.train.listeners.progress import Progress
from framework.train.listeners.saving import Saving
from framework.train.listeners.scalars import Scalars
from framework.train.listeners.start import Beats, Start
from framework.train.listeners.stop_request import StopOnRequest
from framework.train.listeners.watch import StopEarly, Watch
from framework.train.loop import Loop, Outcome
from framework.train.setting import Setting
from framework.train.state import TrainState
from framework.train.step import Batch

EARLY_STOPPING = "early_stopping"
FLUSH_SECONDS = 30.0
CALL_RECORD = "program.json"


def train(
    setting: Setting,
    state: TrainState,
    start: int,
    listeners: Sequence[Any] = (),
    memory: Mapping[str, Any] | None = None,
) -> Outcome:
    """Trains from step `start`.

    Args:
        listeners: further ones, heard after the run's own.
        memory: what was saved beside the state, for early stopping to go on from.
    """
    experiment, trainer, clock = setting.experiment, setting.experiment.trainer, setting.clock
    abstract = setting.program.abstract_state(experiment.values())
    loop = Loop(
        call=functools.cache(lambda size: setting.program.call(size, abstract)),
        feed=lambda step, size: _feed(setting, loop, step, size),
        clock=clock,
    )
    watch = Watch(
        loop, experiment.evaluation.every, experiment.evaluation.split,
        lambda state: _watched(setting, state),
    )  # fmt: skip
    saving = equip(setting, loop, state, start, watch, listeners, memory)
    begun = time.perf_counter()
    with interruptible(loop, trainer.grace_seconds), clock.during("step"):
        state, step, size = _choose_size(setting, loop, state, start)
        state, step = advance(loop, state, step, trainer.steps, size)
        outcome = finish(setting, loop, saving, state, step, start)
    if not loop.stopped:
        seconds = time.perf_counter() - begun
        setting.console.print(f"Trained {outcome.step - start} steps in {seconds:.1f} s")
    return outcome


def advance(
    loop: Loop, state: TrainState, step: int, until: int, size: int
) -> tuple[TrainState, int]:
    """To the step `until`, or until stopped, in calls of `size` steps where they fit."""
    # Calls end where the intervals do, also after an interruption between two of them.
    state, step = loop.advance(state, step, min(-(-step // size) * size, until), 1)
    state, step = loop.advance(state, step, until, size)
    state, step = loop.advance(state, step, until, 1)
    loop.drain()
    return state, step


def equip(
    setting: Setting, loop: Loop, state: TrainState, start: int, watch: Any,
    listeners: Sequence[Any], memory: Mapping[str, Any] | None,
) -> Saving:  # fmt: skip
    """Gives `loop` the listeners of every run, and then the further ones.

    Args:
        watch: the one that evaluates.
    """
    experiment, trainer = setting.experiment, setting.experiment.trainer
    stopping = None
    if trainer.early_stopping:
        stopping = StopEarly(loop, trainer.early_stopping, experiment.evaluation.split)
    saving = Saving(
        loop,
        setting.checkpoints,
        experiment.checkpoint.every,
        extra=lambda step: {
            **_where(setting, step),
            **({EARLY_STOPPING: stopping.remember()} if stopping else {}),
        },
        # What is logged up to a checkpoint is on the disk when the checkpoint counts.
        ready=lambda: setting.tracker.flushed(FLUSH_SECONDS),
    )
    loop.listeners = [*_listeners(setting, loop, state, start, stopping, watch, saving), *listeners]
    if stopping and memory and EARLY_STOPPING in memory:
        stopping.recall(memory[EARLY_STOPPING])
    return saving


def finish(
    setting: Setting, loop: Loop, saving: Saving, state: TrainState, step: int, start: int
) -> Outcome:
    """After the last call: everybody is told, and the state is saved."""
    loop.emit("on_end", step)
    if state.guard is not None:
        step = int(state.step)  # calls after a bad step were made in vain
        state = state.replace(guard=state.guard.thawed())  # type: ignore[attr-defined]
    new = step > start or loop.then == "fail"
    if saving.every is not None and new and loop.then != "go_back":
        saving.save(step, state)
        with loop.clock.during("checkpoint"):
            setting.checkpoints.wait()
    if loop.stopped:
        setting.console.print(f"Stopped at step {step}: {loop.stopped}")
    return Outcome(state, step, loop.stopped, loop.then)


def _listeners(
    setting: Setting, loop: Loop, state: TrainState, start: int,
    stopping: StopEarly | None, watch: Any, saving: Saving,
) -> list[Any]:  # fmt: skip
    """Those of every run, in the order in which they are heard."""
    experiment, trainer = setting.experiment, setting.experiment.trainer
    progress = Progress(setting.console, trainer.steps, start)
    utilisation = Utilisation.of(experiment, setting.program)

    def after_first() -> None:
        if experiment.checkpoint.every:
            setting.checkpoints.warm_up()
        utilisation.learn()

    return [
        *_bad_step_watch(setting, loop, state, start),
        Scalars(setting.tracker, trainer.log_every, utilisation.speed, progress.hear),
        progress,
        *([stopping] if stopping else []),
        *([ProfileWindow(trainer.profile, setting.directory.path / "events")]
          if trainer.profile and is_first() else []),
        watch,
        StopOnRequest(loop, setting.directory.path, trainer.steps),
        saving,
        Start(after_first),
        Beats(setting.watchdog),
    ]  # fmt: skip


def _bad_step_watch(
    setting: Setting, loop: Loop, state: TrainState, start: int
) -> list[BadStepWatch]:
    options = setting.experiment.trainer.bad_steps
    if options is None or state.guard is None:
        return []
    return [
        BadStepWatch(
            # A new state is not asked: where the devices are too small for it, it never answers.
            loop, options, int(state.guard.count) if start else 0, setting.bad_steps,
            note=lambda bad: note(setting.directory, bad) if is_first() else None,
            tell=setting.console.print,
        )
    ]  # fmt: skip


def _where(setting: Setting, step: int) -> dict[str, Any]:
    """The position in the data, and what else a checkpoint says of the run that it is of."""
    left_out = passed_over(setting.bad_steps)
    return {
        "data_position": batch_number(step, left_out),
        "passed_over": list(left_out),
        "settings": dict(setting.config),
    }


def _choose_size(
    setting: Setting, loop: Loop, state: TrainState, start: int
) -> tuple[TrainState, int, int]:
    """How many steps a call makes: as configured, as this run chose before, or as measured."""
    experiment, trainer = setting.experiment, setting.experiment.trainer
    if trainer.steps_per_call != "auto":
        return state, start, trainer.steps_per_call
    # Each timing opens the data's reader anew, and with it processes: seconds for what a step
    # whose data need processes cannot feel.
    if trainer.deterministic or experiment.data.workers:
        return state, start, 1
    before = by_first(lambda: setting.directory.read_json(CALL_RECORD))
    if before is not None:
        return state, start, int(before["steps_per_call"])
    every = intervals(trainer, experiment.evaluation, experiment.checkpoint)
    size = steps_per_call.candidate(every.values())
    state, step, chosen = steps_per_call.measure(loop, state, start, trainer.steps, size)
    if not loop.stopped:  # else it was not measured
        by_first(lambda: setting.directory.write_json(CALL_RECORD, {"steps_per_call": chosen}))
    return state, step, chosen


def _feed(setting: Setting, loop: Loop, start: int, size: int) -> Iterator[Batch]:
    """Batches on the devices; the loss of a worker process stops the loop, whose state is saved."""
    experiment, program = setting.experiment, setting.program
    stack = size if size > 1 else None
    rows = process_rows(program.mesh_options, program.mesh, experiment.data.batch_size)
    batches = training_batches(
        experiment.data, seed=experiment.seed, start=start, stack=stack, rows=rows,
        passed_over=passed_over(setting.bad_steps),
    )  # fmt: skip
    put = batch_putter(program.mesh_options, program.mesh, stacked=size > 1)
    try:
        yield from on_mesh(batches, put)
    except WorkerLost as error:
        if several():  # the others have begun steps that this one has no batch for
            raise
        loop.stop(f"{REASON}: {error}", "start_again")


def _watched(setting: Setting, state: TrainState) -> dict[str, float]:
    """Metrics to watch of a state."""
    from framework.train.conclude import evaluate_state  # late, as it brings the report along

    experiment = setting.experiment
    own = evaluate_state(setting, state, experiment.evaluation.split).metrics
    # What follows from them must follow in all processes.
    return watched(experiment, by_first(lambda: own))


def watched(experiment: Experiment, metrics: Mapping[str, float]) -> dict[str, float]:
    """Of all metrics the overall ones, and those of a class that were asked for."""
    stopping = experiment.trainer.early_stopping
    asked = {experiment.checkpoint.metric, stopping.metric if stopping else None}
    return {name: value for name, value in metrics.items() if "/" not in name or name in asked}
