"""What must hold between an experiment and the devices it runs on, before one is touched."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import jax
import numpy as np
from jax.sharding import AbstractMesh

from framework.config import InvalidConfig, Problem
from framework.data import Data
from framework.models.network import Arrays, Network
from framework.parallel import MeshOptions, placed
from framework.parallel.rules import partition
from framework.train.options import EvaluationOptions, Trainer


def mesh_fits_devices(
    mesh: MeshOptions, devices: int, data: Data, trainer: Trainer, evaluation: EvaluationOptions
) -> Iterable[Problem]:
    """The mesh multiplies to the devices and batches divide over it."""
    if mesh.check():
        return
    try:
        shards = mesh.batch_shards(devices)
    except InvalidConfig as error:
        yield from error.problems
        return
    parts = shards * trainer.accumulate
    if data.batch_size % parts:
        factors = f"{shards} batch shards of the mesh"
        factors += f" × trainer.accumulate={trainer.accumulate}" if trainer.accumulate > 1 else ""
        yield Problem("data.batch_size", data.batch_size, f"a multiple of {parts} ({factors})")
    size = evaluation.batch_size
    if size is not None and size % shards:
        yield Problem("evaluation.batch_size", size, f"a multiple of {shards} (the mesh's shards)")


def every_process_has_its_share(
    mesh: MeshOptions, devices: int, processes: int
) -> Iterable[Problem]:
    """No process is left without devices of the mesh."""
    if processes > 1 and mesh.devices is not None and mesh.devices < devices:
        expected = f"all {devices} devices of the {processes} processes"
        yield Problem("mesh.devices", mesh.devices, expected, "mesh=data takes them")


def activations_divide(
    network: Network, mesh: MeshOptions, devices: int, data: Data, trainer: Trainer
) -> Iterable[Problem]:
    """What the model computes from a batch divides over the axes that the rules give it."""
    try:
        shape = {} if mesh.check() else mesh.shape(devices)
    except InvalidConfig:
        return  # said by mesh_fits_devices
    if any(parameters_divide(network, mesh, devices)):
        return  # one line about an axis is enough
    rows = data.batch_size // trainer.accumulate
    if math.prod(shape.values()) == 1 or not shape or rows % mesh.batch_shards(devices):
        return
    example = data.splits["train"].gather(np.zeros(1, np.int64))["inputs"]
    batch = jax.tree.map(lambda a: jax.ShapeDtypeStruct((rows, *a.shape[1:]), a.dtype), example)

    def forward(params: Arrays, others: Arrays, inputs: Any) -> Any:
        module: Any = network.bind(params, others)
        return module(data.preprocess(inputs), train=False)

    abstract = AbstractMesh(tuple(shape.values()), tuple(shape))
    try:
        jax.eval_shape(placed(forward, mesh, abstract), network.shapes, network.other_shapes, batch)
    except InvalidConfig as error:
        yield from error.problems
    except (TypeError, ValueError, LookupError, AttributeError, ZeroDivisionError):
        return  # said by outputs_fit


def parameters_divide(network: Network, mesh: MeshOptions, devices: int) -> Iterable[Problem]:
    """Every parameter divides over the axes that the rules give it."""
    if mesh.check():
        return
    try:
        shape = mesh.shape(devices)
    except InvalidConfig:
        return  # said by mesh_fits_devices
    axes = network.axes
    for path, array in network.shapes.items():
        if path in axes and len(axes[path]) == len(array.shape):
            try:
                partition(path, array.shape, axes[path], mesh, shape)
            except InvalidConfig as error:
                yield from error.problems


DEVICE_CHECKS: tuple[Callable[..., Iterable[Problem]], ...] = (
    mesh_fits_devices, every_process_has_its_share, parameters_divide, activations_divide,
)  # fmt: skip
