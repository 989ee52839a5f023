"""One run from start to end: prepare, train, evaluate, report."""

import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
from jax.sharding import Mesh
from rich.console import Console

from framework.checkpoint import Checkpoints
from framework.parallel import build_mesh, by_first, is_first, processes, several, start_here
from framework.run import SUMMARY, RunDirectory, cache_directory
from framework.tracking import TrackerOptions, WandbOptions, open_trackers, read_metrics
from framework.train.bad_steps import passed_over, read_bad_steps, save_batch
from framework.train.beginning import begin
from framework.train.checks import check_devices
from framework.train.clock import Clock
from framework.train.experiment import Experiment
from framework.train.faults import FAULT, START_AGAIN, guarded
from framework.train.listeners.accounting import Accounting
from framework.train.listeners.progress import make_console
from framework.train.loop import Outcome
from framework.train.opening import alone, made, record
from framework.train.options import Trainer
from framework.train.setting import Setting
from framework.train.shared import shared
from framework.train.summary import print_summary, summarise
from framework.train.training import train
from framework.train.watchdog import Watchdog

NO_TRACKERS = TrackerOptions(tensorboard=False, jsonl=False, wandb=WandbOptions(enabled=False))


def run(experiment: Experiment, config: Mapping[str, Any], overrides: Sequence[str] = ()) -> int:
    """Trains, evaluates and reports; continues where the run directory has checkpoints.

    Args:
        config: the resolved settings, kept in the run directory.
        overrides: the command line's words, likewise.

    Returns:
        0 when the run is complete, 75 when it was interrupted and saved: start it again; for the
        faults of the world see `framework.train.faults`.
    """
    start = start_here(experiment.distributed)
    if _say_if_complete(experiment, config, aloud=start is None or not start.process):
        return 0
    if start is None:
        return guarded(lambda: _run(experiment, config, overrides))
    processes.begin(start, experiment.distributed.timeout)
    with processes.leaving_together() as end:
        check_devices(experiment)
        end.code = guarded(lambda: _run(experiment, config, overrides))
    return end.code


def _say_if_complete(experiment: Experiment, config: Mapping[str, Any], *, aloud: bool) -> bool:
    """Whether there is nothing left to do: then neither devices nor other processes are needed."""
    directory = RunDirectory(experiment.run.path(experiment.name))
    done = (directory.read_json(SUMMARY) or {}).get("complete")
    if not done or directory.changes(config):
        return False
    from framework.train.conclude import say_where

    console = make_console(aloud)
    console.print("This run is complete.")
    say_where(console, directory)
    return True


def _run(experiment: Experiment, config: Mapping[str, Any], overrides: Sequence[str]) -> int:
    console = make_console(is_first())
    directory = RunDirectory(by_first(lambda: made(experiment)))
    with alone(directory):
        configure_jax(experiment.trainer)
        mesh = build_mesh(experiment.mesh)
        with jax.set_mesh(mesh):
            code = _from_start_to_end(experiment, config, overrides, directory, mesh, console)
        processes.wait_for_all()
        return code


def _from_start_to_end(
    experiment: Experiment, config: Mapping[str, Any], overrides: Sequence[str],
    directory: RunDirectory, mesh: Mesh, console: Console,
) -> int:  # fmt: skip
    if experiment.teacher is not None:
        from framework.train.distilling.lesson import taught  # late, as it brings all of evaluation

        experiment = taught(experiment, directory, mesh, console)
    checkpoints = Checkpoints(directory.checkpoints, experiment.checkpoint, warn=console.print)
    program = shared(experiment.program(experiment.network(), mesh))
    clock = Clock.of_process()
    watchdog = Watchdog(experiment.trainer.hang_seconds, clock, _stacks(directory))

    def attempt(first: bool) -> Outcome:
        state, start, memory, bad_steps = begin(
            experiment, config, program, checkpoints, directory, console
        )
        # Not before: a configuration that does not fit the checkpoint must not take the place of
        # the one that does.
        if first:
            summary = summarise(program.network, state)
            by_first(lambda: record(directory, experiment, config, overrides, summary))
            print_summary(console, experiment.name, summary, experiment, mesh)
        tracker = open_trackers(
            experiment.tracker if is_first() else NO_TRACKERS,
            directory.path,
            config=config,
            name=f"{experiment.name}/{directory.path.name}",
            resume_step=start or None,
            warn=lambda text: print(text, file=sys.stderr),
        )
        setting = Setting(
            experiment, directory, program, checkpoints, tracker, console, config, bad_steps,
            clock, watchdog,
        )  # fmt: skip
        accounting = Accounting(directory.path, clock, tracker, start)
        complete = False
        try:
            outcome = train(setting, state, start, [accounting], memory)
            complete = outcome.then == "conclude"
            if complete:
                from framework.train.conclude import conclude  # late, as it brings the report

                accounting.log(outcome.step)
                conclude(setting, outcome)
        finally:
            try:
                accounting.write()
            finally:
                tracker.close(complete)
        return outcome

    ended = False
    try:
        with watchdog.watching():
            outcome = attempt(first=True)
            while outcome.then == "go_back":
                console.print("Going back to the last checkpoint, and on without the batch.")
                clock.restart()
                outcome = attempt(first=False)
        ended = True
    finally:
        if ended or not several():  # else the save would wait for processes that are no more
            checkpoints.close()
    return exit_code(experiment, directory, outcome, console)


def exit_code(
    experiment: Experiment, directory: RunDirectory, outcome: Outcome, console: Console
) -> int:
    """The exit code, and for a run that is not complete what comes next."""
    if outcome.then == "conclude":
        return 0
    if outcome.then == "set_aside":
        by_first(lambda: _set_aside(directory, outcome))
        return 0
    if outcome.then == "start_again":
        console.print(_what_next(experiment, directory, outcome.step))
        return START_AGAIN
    step = outcome.step + 1
    left_out = passed_over(read_bad_steps(directory))
    batch = by_first(
        lambda: save_batch(directory, experiment.data, experiment.seed, step, left_out)
    )
    saved = "The state before it is saved" if experiment.checkpoint.every else "Nothing is saved"
    if is_first():
        print(
            f"Stopped: {outcome.stopped}. {saved}; the batch is in {directory.path / batch}.\n"
            f"Where it comes from:  python -m experiments.replay run={directory.path} step={step}\n"
            "To go on without it:  the same command with trainer.bad_steps.action=skip (or rewind) "
            "run.resume=allow_changes",
            file=sys.stderr,
        )
    return FAULT


def _set_aside(directory: RunDirectory, outcome: Outcome) -> None:
    """The summary of a run that was asked to end: how far it came, and its last evaluation."""
    evaluated: dict[str, float] = {}
    for line in read_metrics(directory.path / "metrics.jsonl"):
        found = {name: value for name, value in line.items() if name.startswith("validation/")}
        evaluated = found or evaluated
    said = {"step": outcome.step, "stopped": outcome.stopped, "metrics": evaluated}
    directory.write_json(SUMMARY, {"complete": False, **said})


def _stacks(directory: RunDirectory) -> Path:
    """Where the watchdog of this process writes what it was doing."""
    return directory.path / f"hang-{jax.process_index()}.txt"


def configure_jax(trainer: Trainer) -> None:
    """Options of JAX that hold for the whole process, and its libraries' chatter turned down."""
    for name in ("absl", "orbax"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Set also where it is off: an earlier run in this process may have had it on.
    kept = str(cache_directory() / "programs") if trainer.compile_cache else None
    jax.config.update("jax_compilation_cache_dir", kept)
    if trainer.compile_cache:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    jax.config.update("jax_debug_nans", trainer.debug_nans)


def _what_next(experiment: Experiment, directory: RunDirectory, step: int) -> str:
    """For whoever interrupted the run."""
    if experiment.checkpoint.every is None:
        return "Nothing is saved, as checkpoint.every=null: the next start begins anew."
    return f"Saved at step {step}. The same command with run.dir={directory.path} continues."
