"""One run from start to end: prepare, train, evaluate, report."""

import contextlib
import functools
import logging
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
from jax.sharding import Mesh
from rich.console import Console

from framework.checkpoint import Checkpoints
from framework.config import InvalidConfig, Problem
from framework.data import on_mesh, training_batches
from framework.parallel import batch_putter, build_mesh
from framework.run import SUMMARY, RunDirectory, cache_directory, describe_environment
from framework.tracking import open_trackers
from framework.train import steps_per_call
from framework.train.beginning import begin
from framework.train.checks import intervals
from framework.train.conclude import conclude, evaluate_state, say_where
from framework.train.experiment import Experiment
from framework.train.faults import guarded
from framework.train.listeners.interruption import REASON, interruptible
from framework.train.listeners.profile import ProfileWindow
from framework.train.listeners.progress import Progress, make_console
from framework.train.listeners.saving import Saving
from framework.train.listeners.scalars import Scalars
from framework.train.listeners.watch import StopEarly, Watch
from framework.train.loop import Loop
from framework.train.options import Trainer
from framework.train.setting import Setting
from framework.train.state import TrainState
from framework.train.step import Batch
from framework.train.summary import print_summary, summarise

START_AGAIN = 75
EARLY_STOPPING = "early_stopping"
CALL_RECORD = "program.json"


def run(experiment: Experiment, config: Mapping[str, Any], overrides: Sequence[str] = ()) -> int:
    """Trains, evaluates and reports; continues where the run directory has checkpoints.

    Args:
        config: the resolved settings, kept in the run directory.
        overrides: the command line's words, likewise.

    Returns:
        0 when the run is complete, 75 when it was interrupted and saved: start it again; for the
        faults of the world see `framework.train.faults`.
    """
    return guarded(lambda: _run(experiment, config, overrides))


def _run(experiment: Experiment, config: Mapping[str, Any], overrides: Sequence[str]) -> int:
    console = make_console()
    directory = _made(experiment)
    with _alone(directory):
        if (directory.read_json(SUMMARY) or {}).get("complete") and not directory.changes(config):
            console.print("This run is complete.")
            say_where(console, directory)
            return 0
        configure_jax(experiment.trainer)
        mesh = build_mesh(experiment.mesh)
        with jax.set_mesh(mesh):
            return _from_start_to_end(experiment, config, overrides, directory, mesh, console)


def _from_start_to_end(
    experiment: Experiment, config: Mapping[str, Any], overrides: Sequence[str],
    directory: RunDirectory, mesh: Mesh, console: Console,
) -> int:  # fmt: skip
    checkpoints = Checkpoints(directory.checkpoints, experiment.checkpoint, warn=console.print)
    program = experiment.program(experiment.network(), mesh)
    state, start, memory = begin(experiment, program, checkpoints, console)
    # Not before: a configuration that does not fit the checkpoint must not take the place of
    # the one that does.
    _record(directory, experiment, config, overrides)
    summary = summarise(program.network, state)
    directory.write_json("model.json", summary)
    print_summary(console, experiment.name, summary, experiment, mesh)
    tracker = open_trackers(
        experiment.tracker,
        directory.path,
        config=config,
        name=f"{experiment.name}/{directory.path.name}",
        resume_step=start or None,
        warn=lambda text: print(text, file=sys.stderr),
    )
    setting = Setting(experiment, directory, program, checkpoints, tracker, console)
    complete = False
    try:
        state, step, stopped = train(setting, state, start, memory=memory)
        complete = stopped is None or not stopped.startswith(REASON)
        if complete:
            conclude(setting, state, step, stopped)
        else:
            checkpoints.wait()
            console.print(_what_next(setting, step))
    finally:
        tracker.close(complete)
        checkpoints.close()
    return 0 if complete else START_AGAIN


def train(
    setting: Setting,
    state: TrainState,
    start: int,
    listeners: Sequence[Any] = (),
    memory: Mapping[str, Any] | None = None,
) -> tuple[TrainState, int, str | None]:
    """Trains from step `start`; returns the state, the step reached and why it stopped early.

    Args:
        listeners: further ones, heard after the run's own.
        memory: what was saved beside the state, for early stopping to go on from.
    """
    experiment, trainer = setting.experiment, setting.experiment.trainer
    abstract = setting.program.abstract_state(experiment.values())
    loop = Loop(
        call=functools.cache(lambda size: setting.program.call(size, abstract)),
        feed=lambda step, size: _feed(setting, step, size),
    )
    progress = Progress(setting.console, trainer.steps, start)
    stopping = trainer.early_stopping and StopEarly(
        loop, trainer.early_stopping, experiment.evaluation.split
    )
    saving = Saving(loop, setting.checkpoints, experiment.checkpoint.every,
                    extra=lambda: {EARLY_STOPPING: stopping.remember()} if stopping else {})
    loop.listeners = [
        Scalars(setting.tracker, trainer.log_every, experiment.data.batch_size, progress.hear),
        progress,
        *([stopping] if stopping else []),
        *([ProfileWindow(trainer.profile, setting.directory.path / "events")]
          if trainer.profile else []),
        Watch(loop, experiment.evaluation.every, experiment.evaluation.split,
              lambda state: _watched(setting, state)),
        saving,
        *listeners,
    ]  # fmt: skip
    if stopping and memory and EARLY_STOPPING in memory:
        stopping.recall(memory[EARLY_STOPPING])
    begun = time.perf_counter()
    with interruptible(loop):
        state, step, size = _choose_size(setting, loop, state, start)
        # Calls end where the intervals do, also after an interruption between two of them.
        state, step = loop.advance(state, step, min(-(-step // size) * size, trainer.steps), 1)
        state, step = loop.advance(state, step, trainer.steps, size)
        state, step = loop.advance(state, step, trainer.steps, 1)
        loop.drain()
        loop.emit("on_end", step)
        if experiment.checkpoint.every is not None and step > start:
            saving.save(step, state)
    if loop.stopped:
        setting.console.print(f"Stopped at step {step}: {loop.stopped}")
    else:
        seconds = time.perf_counter() - begun
        setting.console.print(f"Trained {step - start} steps in {seconds:.1f} s")
    return state, step, loop.stopped


def configure_jax(trainer: Trainer) -> None:
    """Options of JAX that hold for the whole process, and its libraries' chatter turned down."""
    for name in ("absl", "orbax"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if trainer.compile_cache:
        jax.config.update("jax_compilation_cache_dir", str(cache_directory() / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_debug_nans", trainer.debug_nans)


def _made(experiment: Experiment) -> RunDirectory:
    """The run directory, made where there is none."""
    try:
        return RunDirectory(experiment.run.make(experiment.name))
    except OSError as error:
        expected, hint = "a place that can be written", error.strerror or str(error)
        key = "run.root" if experiment.run.dir is None else "run.dir"
        place = experiment.run.root if experiment.run.dir is None else experiment.run.dir
        raise InvalidConfig(Problem(key, place, expected, hint)) from error


@contextlib.contextmanager
def _alone(directory: RunDirectory) -> Iterator[None]:
    """While inside, no other process may train in the directory, but for those of this run."""
    if jax.distributed.is_initialized() and jax.process_index() != 0:
        yield
        return
    try:
        lock = directory.lock()
    except BlockingIOError as error:
        expected, hint = "a directory in which no other process trains", "wait or choose another"
        raise InvalidConfig(Problem("run.dir", directory.path, expected, hint)) from error
    with lock:
        yield


def _record(
    directory: RunDirectory,
    experiment: Experiment,
    config: Mapping[str, Any],
    overrides: Sequence[str],
) -> None:
    """Writes what is run, on what, with which data."""
    environment = describe_environment(sys.argv)
    directory.begin(config, overrides, environment, _describe_data(experiment))


def _what_next(setting: Setting, step: int) -> str:
    """For whoever interrupted the run."""
    if setting.experiment.checkpoint.every is None:
        return "Nothing is saved, as checkpoint.every=null: the next start begins anew."
    return (
        f"Saved at step {step}. The same command with run.dir={setting.directory.path} continues."
    )


def _choose_size(
    setting: Setting, loop: Loop, state: TrainState, start: int
) -> tuple[TrainState, int, int]:
    """How many steps a call makes: as configured, as this run chose before, or as measured."""
    experiment, trainer = setting.experiment, setting.experiment.trainer
    if trainer.steps_per_call != "auto":
        return state, start, trainer.steps_per_call
    if trainer.deterministic:
        return state, start, 1
    before = setting.directory.read_json(CALL_RECORD)
    if before is not None:
        return state, start, int(before["steps_per_call"])
    every = intervals(trainer, experiment.evaluation, experiment.checkpoint)
    size = steps_per_call.candidate(every.values())
    state, step, chosen = steps_per_call.measure(loop, state, start, trainer.steps, size)
    if not loop.stopped:  # else it was not measured
        setting.directory.write_json(CALL_RECORD, {"steps_per_call": chosen})
    return state, step, chosen


def _feed(setting: Setting, start: int, size: int) -> Iterator[Batch]:
    experiment, program = setting.experiment, setting.program
    stack = size if size > 1 else None
    batches = training_batches(
        experiment.data, seed=experiment.seed, start=start, stack=stack, rows=_rows(experiment)
    )
    return on_mesh(batches, batch_putter(program.mesh_options, program.mesh, stacked=size > 1))


def _rows(experiment: Experiment) -> slice | None:
    """This process's share of a global batch."""
    count = jax.process_count()
    if count == 1:
        return None
    share = experiment.data.batch_size // count
    return slice(jax.process_index() * share, (jax.process_index() + 1) * share)


def _watched(setting: Setting, state: TrainState) -> dict[str, float]:
    """Metrics to watch: the overall ones, and those of a class that were asked for."""
    experiment = setting.experiment
    stopping = experiment.trainer.early_stopping
    asked = {experiment.checkpoint.metric, stopping.metric if stopping else None}
    metrics = evaluate_state(setting, state, experiment.evaluation.split).metrics
    return {name: value for name, value in metrics.items() if "/" not in name or name in asked}


def _describe_data(experiment: Experiment) -> dict[str, Any]:
    data = experiment.data
    return {
        "name": data.name,
        "fingerprint": data.fingerprint,
        "splits": {name: len(source) for name, source in data.splits.items()},
        "labels": {"kind": data.spec.labels.kind, "names": list(data.spec.labels.names)},
    }
