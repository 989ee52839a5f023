"""The state that a step of a run began with, and its batch; nothing in the run is changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np

from framework.checkpoint import CheckpointDamaged, Checkpoints
from framework.config import FolderPath, InvalidConfig, PositiveInt, Problem
from framework.data import batch_number, training_batches
from framework.parallel import batch_putter, build_mesh
from framework.run import RunDirectory
from framework.train.bad_steps import is_up_to_date, passed_over, read_bad_steps
from framework.train.experiment import Experiment
from framework.train.program import Program
from framework.train.rebuilt import Say, rebuilt
from framework.train.state import TrainState
from framework.train.step import Batch


@dataclass(frozen=True)
class Replay:
    """Which step to look into.

    Attributes:
        run: the directory of a run.
        step: from 1: the update that makes step N out of the state at step N - 1.
    """

    run: FolderPath
    step: PositiveInt


@dataclass(frozen=True)
class Before:
    """A run just before a step.

    Attributes:
        origin: step of the checkpoint that the state came from; 0: begun anew.
        number: of the global batch, from 0.
        batch: whole and on the host.
    """

    experiment: Experiment
    program: Program
    directory: RunDirectory
    origin: int
    number: int
    state: TrainState
    batch: Batch


def opened(options: Replay, say: Say) -> tuple[Experiment, RunDirectory]:
    """The run's experiment and directory.

    Raises:
        InvalidConfig: there is no run, or it cannot be built today, or it has no such step.
    """
    experiment, directory = rebuilt(options.run, say)
    steps = experiment.trainer.steps
    if options.step > steps:
        raise InvalidConfig(Problem("step", options.step, f"at most the {steps} of trainer.steps"))
    # The interpreter looks for itself.
    trainer = replace(experiment.trainer, debug_nans=False)
    return replace(experiment, trainer=trainer), directory


def go_to(experiment: Experiment, directory: RunDirectory, step: int, say: Say) -> Before:
    """Restores the newest whole checkpoint before `step` and trains up to it.

    Call it under `jax.set_mesh` of the same mesh as `build_mesh(experiment.mesh)`.

    Raises:
        CheckpointDamaged: every checkpoint before the step is.
        InvalidConfig: the run's training ends before the step.
    """
    mesh = build_mesh(experiment.mesh)
    program = experiment.program(experiment.network(), mesh)
    left_out = _left_out(directory, step)
    origin, state = _restored(experiment, program, directory, step - 1, left_out, say)
    data = replace(experiment.data, workers=0)  # few batches are read
    batches = training_batches(data, seed=experiment.seed, start=origin, passed_over=left_out)
    if origin < step - 1:
        say(f"Training again from step {origin} to step {step - 1}.")
        state = _trained(program, state, batches, range(origin + 1, step), say)
    reached = int(state.step)
    if reached != step - 1:
        expected, hint = f"at most {reached + 1}", "that step was bad, and the training ended there"
        raise InvalidConfig(Problem("step", step, expected, hint))
    batch = jax.tree.map(np.asarray, dict(next(batches)))
    number = batch_number(step - 1, left_out)
    return Before(experiment, program, directory, origin, number, state, batch)


def _trained(
    program: Program, state: TrainState, batches: Iterator[Batch], steps: range, say: Say
) -> TrainState:
    """The state after the steps, each made by the run's own program."""
    call = program.call(1, program.abstract_state(state.values))
    put = batch_putter(program.mesh_options, program.mesh)
    finite = True
    for step in steps:
        state, metrics = call(state, put(next(batches)))
        if finite and not np.isfinite(metrics["loss"]):  # this waits for the step
            finite = False
            say(f"The loss of step {step} is not finite already.")
    return state


def _left_out(directory: RunDirectory, step: int) -> tuple[int, ...]:
    """The batches passed over when the step was made; of a bad one, for the first time."""
    bad_steps = read_bad_steps(directory)
    before = next((i for i, bad in enumerate(bad_steps) if bad.step == step), len(bad_steps))
    return passed_over(bad_steps[:before])


def _restored(
    experiment: Experiment, program: Program, directory: RunDirectory, most: int,
    left_out: Sequence[int], say: Say,
) -> tuple[int, TrainState]:  # fmt: skip
    """The newest whole checkpoint of at most so many steps; without any, the run's own start."""
    checkpoints = Checkpoints(directory.checkpoints, experiment.checkpoint)
    values = experiment.values()
    damaged: CheckpointDamaged | None = None
    for step in reversed(checkpoints.steps()):
        if step > most:
            continue
        try:
            state, extra = checkpoints.restore(step, program.abstract_state(values))
        except CheckpointDamaged as error:
            damaged = error
            say(f"{error}")
            continue
        if not is_up_to_date(step, extra.get("passed_over", ()), left_out):
            continue
        if state.guard is not None:  # where a bad step ended the run, its state is frozen
            state = state.replace(guard=state.guard.thawed())
        return step, state
    if damaged is not None:
        raise damaged
    say(f"No checkpoint of step {most} or before: beginning anew from the seed.")
    return 0, program.initial_state(values, experiment.seed)
