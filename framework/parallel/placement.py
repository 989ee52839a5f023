"""Puts state and batches where the mesh says."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from framework.parallel.mesh import MeshOptions
from framework.parallel.rules import batch_partition, partition

PyTree = Any


def state_shardings(
    abstract: PyTree,
    axes: Mapping[str, tuple[str, ...]],
    shapes: Mapping[str, Any],
    options: MeshOptions,
    mesh: Mesh,
) -> PyTree:
    """A sharding for each array of a train state.

    Parameters are found by their key and shape wherever they occur, so that gradients,
    optimizer moments and averages lie like the parameters they belong to; the rest is replicated.

    Args:
        abstract: the state as `jax.ShapeDtypeStruct`s.
        axes: parameter path to the names of its axes.
        shapes: parameter path to an array, or a description of one, of its shape. A moment that
            an optimizer keeps in another shape is replicated.
    """
    shape = dict(mesh.shape)

    def place(path: tuple[Any, ...], leaf: jax.ShapeDtypeStruct) -> NamedSharding:
        name = path[-1].key if path and isinstance(path[-1], jax.tree_util.DictKey) else ""
        names = axes.get(name)
        if names is None or shapes[name].shape != leaf.shape:
            return NamedSharding(mesh, PartitionSpec())
        return NamedSharding(mesh, partition(str(name), leaf.shape, names, options, shape))

    return jax.tree_util.tree_map_with_path(place, abstract)


def process_rows(
    options: MeshOptions, mesh: Mesh, size: int, process: int | None = None
) -> np.ndarray | None:
    """The rows, rising, of a global batch of `size` that the devices of a process hold.

    None for all of them: with one process, and where the batch is not divided between processes.
    Several processes need the same rows where the mesh axes between them do not divide the batch.

    Args:
        process: its number; this process where it is None.
    """
    own, parts = _parts_of_process(options, mesh, process)
    if len(own) == parts:
        return None
    rows = np.arange(size).reshape(parts, -1)[list(own)]
    return rows.ravel()


def batch_putter(
    options: MeshOptions, mesh: Mesh, *, stacked: bool = False
) -> Callable[[PyTree], PyTree]:
    """A function that puts a host batch, of this process's rows, on its devices.

    With one CPU there is nowhere to put them: programs take host arrays as they are, in 15 µs
    where `jax.device_put` needs 300.
    """
    alone = jax.process_count() == 1
    if alone and mesh.size == 1 and mesh.devices.flat[0].platform == "cpu":
        return lambda batch: batch
    sharding = NamedSharding(mesh, batch_partition(options, stacked=stacked))
    if alone:
        return lambda batch: jax.device_put(batch, sharding)
    own, parts = _parts_of_process(options, mesh)
    axis = 1 if stacked else 0
    return lambda batch: jax.tree.map(lambda a: _assembled(a, sharding, axis, own, parts), batch)


def _parts_of_process(
    options: MeshOptions, mesh: Mesh, process: int | None = None
) -> tuple[tuple[int, ...], int]:
    """Which of the equal parts of a batch a process holds, and how many parts there are."""
    parts = options.batch_parts(mesh.shape)
    if parts == 1:
        return (0,), 1
    process = jax.process_index() if process is None else process
    sharding = NamedSharding(mesh, batch_partition(options))
    places: Mapping[Any, Any] = sharding.devices_indices_map((parts,))
    own = {where[0].start for device, where in places.items() if device.process_index == process}
    return tuple(sorted(own)), parts


def _assembled(
    local: np.ndarray, sharding: NamedSharding, axis: int, own: tuple[int, ...], parts: int
) -> jax.Array:
    """The global array of which `local` is this process's parts, one after the other."""
    share = local.shape[axis] // len(own)
    shape = list(local.shape)
    shape[axis] = share * parts

    def part(where: Any) -> np.ndarray:
        place = own.index((where[axis].start or 0) // share) * share
        here = slice(place, place + share)
        chosen: np.ndarray = local[(*where[:axis], here, *where[axis + 1 :])]
        return chosen

    return jax.make_array_from_callback(tuple(shape), sharding, part)
