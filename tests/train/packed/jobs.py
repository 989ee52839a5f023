"""Small jobs that could be rows of one program."""

import functools
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from framework.config.command import compose_words
from framework.data import training_batches
from framework.parallel import build_mesh
from framework.train import assemble
from framework.train.packed import Job
from framework.train.packed.alike import alone
from framework.train.packed.program import PackedProgram
from framework.train.packed.rows import stacked
from framework.train.program import Program

MLP = ("model=mlp", "model.widths=[16]", "data.batch_size=16")
DROPOUT = (*MLP, "model.dropout=0.3")
CNN = ("model=cnn", "model.channels=[4]", "model.convolutions=1", "model.dense=8")
TRANSFORMER = (
    "data=random_tokens", "data.vocabulary=50", "data.sequence_length=16", "data.batch_size=8",
    "data.examples=64", "model=transformer", "model.layers=2", "model.width=16", "model.heads=2",
    "task=language_modeling", "~data.augmentations", "checkpoint.metric=log_loss",
)  # fmt: skip
QUICK = (
    "tracker.tensorboard=false", "tracker.wandb.enabled=false", "evaluation.report=false",
    "evaluation.analysis.depth=none", "evaluation.final=[validation]", "trainer.log_every=5",
    "evaluation.every=10", "checkpoint.every=20", "trainer.steps=40",
)  # fmt: skip


def job(run: Path | None, *words: str) -> Job:
    """What the command line `words` would train, in the directory `run`."""
    words = (*QUICK, *words, *([f"run.dir={run}"] if run else []))
    settings = compose_words(words).settings
    return Job(assemble(settings), settings, words)


@functools.cache
def plain(*words: str) -> Job:
    """One that is only looked at."""
    return job(None, *words)


def varied(given: Job, seed: int, learning_rate: float) -> Job:
    """The same with another seed and rate."""
    experiment = given.experiment
    optimizer = experiment.optimizer.replace(learning_rate=learning_rate)  # type: ignore[attr-defined]
    return replace(given, experiment=replace(experiment, seed=seed, optimizer=optimizer))


def program_of(given: Job) -> Program:
    """Of the job as a row."""
    experiment = alone(given.experiment)
    return experiment.program(experiment.network(), build_mesh(experiment.mesh))


def trained_alone(given: Job, steps: int) -> np.ndarray:
    """The losses of its first steps."""
    program, experiment = program_of(given), given.experiment
    state = program.initial_state(experiment.values(), experiment.seed)
    call = program.call(1, program.abstract_state(experiment.values()))
    losses = []
    for _, batch in zip(
        range(steps), training_batches(experiment.data, seed=experiment.seed), strict=False
    ):
        state, metrics = call(state, batch)
        losses.append(float(metrics["loss"]))
    return np.array(losses)


def trained_packed(jobs: list[Job], devices: int, steps: int) -> tuple[np.ndarray, Any]:
    """The losses [steps, rows] of their first steps as rows of one program, and its last state."""
    programs = [program_of(each) for each in jobs]
    packed = PackedProgram(programs[0], tuple(jax.devices()[:devices]))
    state = stacked(
        [
            program.initial_state(each.experiment.values(), each.experiment.seed)
            for program, each in zip(programs, jobs, strict=True)
        ],
        packed.by_rows,
    )
    streams = [training_batches(e.experiment.data, seed=e.experiment.seed) for e in jobs]
    losses = []
    for _ in range(steps):
        batch = jax.tree.map(lambda *arrays: np.stack(arrays), *map(next, streams))
        batch = jax.device_put(batch, packed.batches)
        state, metrics = packed.compiled(1, state, batch)(state, batch)
        losses.append(np.asarray(metrics["loss"]))
    return np.array(losses), state
