"""A finished or saved run, opened for use: its model with weights, without data or optimizer."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import yaml

from framework.checkpoint import Checkpoints
from framework.checkpoint.record import read_record
from framework.config import InvalidConfig, NonNegativeInt, Problem
from framework.config.build import Call, read
from framework.models.network import Arrays, Network
from framework.parallel import Precision, cast
from framework.run import RunDirectory
from framework.spec import Spec
from framework.train.experiment import fitted

Which = Literal["latest", "best"] | NonNegativeInt


@dataclass(frozen=True)
class Trained:
    """A run's network, the weights that its evaluation uses, and what it was trained on.

    Attributes:
        step: of the checkpoint.
        params: the average where the run kept one; in the type in which it stores them.
        others: the model's other variables.
    """

    directory: RunDirectory
    spec: Spec
    network: Network
    step: int
    params: Arrays
    others: Arrays
    precision: Precision


def open_run(run: Path, which: Which = "latest") -> Trained:
    """The run in the directory `run`, from its newest or best checkpoint or that of a step.

    Raises:
        InvalidConfig: there is no run, or no such checkpoint; the key is relative to the command.
        CheckpointDamaged: a file of the checkpoint is not as it was written.
    """
    directory = RunDirectory(run.absolute())
    settings, data = _records(directory)
    call, problems = read(settings)
    if call is None or problems:
        raise InvalidConfig(*problems).under(f"{run}/config.yaml")
    spec = Spec.from_json(data)
    task = call.part("task")
    network = fitted(call.part("model"), spec.inputs, task.outputs(spec))
    precision: Precision = call.part("precision")
    step, checkpoints = _chosen(directory, call, which)
    kept = read_record(checkpoints.directory / str(step)).leaves
    name = "average" if any(path.startswith("average/") for path in kept) else "params"
    state = {name: _as_saved(network.shapes, precision), "model_state": network.other_shapes}
    found, _ = checkpoints.restore(step, state, part=True)
    return Trained(directory, spec, network, step, found[name], found["model_state"], precision)


def _records(directory: RunDirectory) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The run's settings and the description of its data."""
    file = directory.path / "config.yaml"
    data = directory.read_json("data.json")
    if not file.is_file() or not data:
        hint = "the last lines of a training say where it is" if not file.is_file() else ""
        raise InvalidConfig(Problem("run", directory.path, "a run directory", hint))
    return yaml.safe_load(file.read_text(encoding="utf-8")), data


def _chosen(directory: RunDirectory, call: Call, which: Which) -> tuple[int, Checkpoints]:
    checkpoints = Checkpoints(directory.checkpoints, call.part("checkpoint"))
    steps = checkpoints.steps()
    if not steps:
        hint = "it was not saved yet, or checkpoint.every is null"
        raise InvalidConfig(Problem("run", directory.path, "a run with a checkpoint", hint))
    step = {"latest": steps[-1], "best": checkpoints.best()}.get(which, which)  # type: ignore[arg-type]
    if step is None:
        hint = "the run has no checkpoint.metric; choose step=latest"
        raise InvalidConfig(Problem("step", which, "a run that ranks its checkpoints", hint))
    if step not in steps:
        expected = f"one of {', '.join(map(str, steps))}, latest or best"
        raise InvalidConfig(Problem("step", which, expected))
    return int(step), checkpoints


def _as_saved(
    shapes: Mapping[str, jax.ShapeDtypeStruct], precision: Precision
) -> dict[str, jax.ShapeDtypeStruct]:
    """Parameters are stored in the precision's type, whatever the model makes them in."""
    stored: dict[str, jax.ShapeDtypeStruct] = jax.eval_shape(
        lambda params: cast(params, precision.parameter), dict(shapes)
    )
    return stored
