"""Puts state and batches where the mesh says."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
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


def batch_putter(
    options: MeshOptions, mesh: Mesh, *, stacked: bool = False
) -> Callable[[PyTree], PyTree]:
    """A function that puts this process's rows of a host batch on its devices.

    With one CPU there is nowhere to put them: programs take host arrays as they are, in 15 µs
    where `jax.device_put` needs 300.
    """
    alone = jax.process_count() == 1
    if alone and mesh.size == 1 and mesh.devices.flat[0].platform == "cpu":
        return lambda batch: batch
    sharding = NamedSharding(mesh, batch_partition(options, stacked=stacked))
    if alone:
        return lambda batch: jax.device_put(batch, sharding)
    return lambda batch: jax.tree.map(
        lambda array: jax.make_array_from_process_local_data(sharding, array), batch
    )
