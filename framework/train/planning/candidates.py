"""The meshes and policies of rematerialisation that a search tries."""

import math
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from framework.config.arguments import hints
from framework.models.network import Network
from framework.parallel import AXES, MeshOptions
from framework.train.device_checks import parameters_divide
from framework.train.experiment import Experiment

Sizes = Mapping[str, int]


@dataclass(frozen=True)
class Candidate:
    """A mesh, and a policy of rematerialisation where the model has them."""

    mesh: Sizes
    remat: str | None

    def override(self, experiment: Experiment) -> str:
        """The words that change the experiment into this, for a command line; none where it is
        this already.
        """
        sizes = experiment.mesh.sizes
        words = [f"mesh.{axis}={n}" for axis, n in self.mesh.items() if n != sizes[axis]]
        if experiment.mesh.devices is not None:
            words.append("mesh.devices=null")
        if self.remat is not None and self.remat != policy(experiment):
            words.append(f"model.remat={self.remat}")
        return " ".join(words)


def policies(experiment: Experiment) -> tuple[str | None, ...]:
    """The names that the model's constructor takes as `remat`; (None,) without such an argument."""
    target = getattr(experiment.model, "func", experiment.model)
    names = typing.get_args(hints(target).get("remat"))
    return tuple(str(name) for name in names) or (None,)


def policy(experiment: Experiment) -> str | None:
    """The one that is configured."""
    named: str | None = getattr(experiment.model, "keywords", {}).get("remat")
    return named


def meshes(experiment: Experiment, devices: int, slices: int) -> Iterator[Sizes]:
    """Every product of axis sizes that gives `devices`, over the axes that do anything.

    Within a slice `replica` does what `data` does, so it has one device of each slice.
    """
    useful = useful_axes(experiment)
    for sizes in _products(devices // slices, [axis for axis in AXES if axis in useful]):
        yield {axis: sizes.get(axis, slices if axis == "replica" else 1) for axis in AXES}


def useful_axes(experiment: Experiment) -> set[str]:
    """`data`, and the axes over which the rules divide something that this experiment has."""
    named = {name for axes in experiment.network().axes.values() for name in axes}
    if experiment.data.spec.labels.kind == "token":
        named.add("sequence")
    useful = {"data"}
    for name, rule in experiment.mesh.rules.items():
        if name in named:
            useful |= {rule} if isinstance(rule, str) else set(rule)
    return useful - {"replica"}


def on(mesh: MeshOptions, sizes: Sizes) -> MeshOptions:
    """The same rules on a mesh of these sizes."""
    changed: Mapping[str, Any] = {**sizes, "devices": None}
    return replace(mesh, **changed)


def obstacle(experiment: Experiment, network: Network, sizes: Sizes) -> tuple[str, str] | None:
    """Why the experiment cannot be laid out over a mesh of these sizes, and the numbers; None
    where it can.
    """
    options = on(experiment.mesh, sizes)
    shards = options.batch_parts(sizes) * experiment.trainer.accumulate
    size = experiment.data.batch_size
    if size % shards:
        return "data.batch_size does not divide", f"{size} by {shards}"
    length = _sequence_length(experiment)
    if length is not None and length % sizes["sequence"]:
        return "sequences do not divide", f"{length} by {sizes['sequence']}"
    for problem in parameters_divide(network, options, math.prod(sizes.values())):
        return f"{problem.key} does not divide", problem.expected
    return None


def with_candidate(experiment: Experiment, mesh: Sizes | None, remat: str | None) -> Experiment:
    """The experiment on another mesh, with another policy of rematerialisation."""
    if mesh is not None:
        experiment = replace(experiment, mesh=on(experiment.mesh, mesh))
    if remat is not None:
        model: Any = experiment.model
        model = partial(model.func, *model.args, **{**model.keywords, "remat": remat})
        experiment = replace(experiment, model=model)
    return experiment


def _sequence_length(experiment: Experiment) -> int | None:
    inputs: Any = experiment.data.spec.inputs
    if experiment.data.spec.labels.kind != "token":
        return None
    return int(inputs["tokens"].shape[0])


def _products(number: int, axes: list[str]) -> Iterator[dict[str, int]]:
    if len(axes) == 1:
        yield {axes[0]: number}
        return
    for size in (n for n in range(1, number + 1) if number % n == 0):
        for rest in _products(number // size, axes[1:]):
            yield {axes[0]: size, **rest}
