"""Rows: the states of several trainings as one, and back; and how many rows a program has."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Sharding

PyTree = Any


def padded(rows: int, devices: int) -> int:
    """The least number of rows that divides over the devices."""
    return -(-rows // devices) * devices


def ladder(rows: int, devices: int) -> tuple[int, ...]:
    """The numbers of rows that a pack may have as it shrinks, falling: half of the former each.

    A few, as each of them is a program to be compiled.
    """
    sizes = [padded(rows, devices)]
    while sizes[-1] > devices:
        sizes.append(padded(-(-sizes[-1] // 2), devices))
    return tuple(sizes)


def fewest(left: int, sizes: Sequence[int]) -> int:
    """The least of the `sizes` that has room for `left` rows."""
    return min(size for size in sizes if size >= left)


def stacked(trees: Sequence[PyTree], sharding: Sharding) -> PyTree:
    """Trees of arrays as one with a leading axis of rows, laid out by `sharding`."""
    hosts = [on_host(tree) for tree in trees]
    joined = jax.tree.map(lambda *arrays: np.stack(arrays), *hosts)
    return as_rows(joined, trees[0], sharding)


def as_rows(host: PyTree, like: PyTree, sharding: Sharding) -> PyTree:
    """Rows that are on the host, on the devices; typed random keys where `like` has them."""
    return _typed(jax.device_put(host, sharding), like)


def on_host(tree: PyTree) -> PyTree:
    """A copy as NumPy arrays, which no donation touches; random keys as their data."""
    # Asked for together, the copies overlap.
    plain = jax.tree.map(lambda a: jax.random.key_data(a) if _is_key(a) else a, tree)
    for leaf in jax.tree.leaves(plain):
        if isinstance(leaf, jax.Array):
            leaf.copy_to_host_async()
    return jax.tree.map(np.array, plain)


def row_of(host: PyTree, row: int, like: PyTree) -> PyTree:
    """A row of what `on_host` gave, as arrays like the abstract tree `like` and where it says."""
    own = jax.tree.map(lambda array: array[row], host)
    return _typed(jax.device_put(own, jax.tree.map(lambda leaf: leaf.sharding, like)), like)


def _typed(tree: PyTree, like: PyTree) -> PyTree:
    """Key data as keys again, where `like` has keys."""

    def typed(array: Any, model: Any) -> Any:
        if not _is_key(model):
            return array
        return jax.random.wrap_key_data(array, impl=_generator(model))

    return jax.tree.map(typed, tree, like)


def _is_key(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _generator(key: Any) -> str:
    """The name of a key's generator; asked of a traced key, as abstract ones have no answer."""
    names: list[str] = []
    jax.eval_shape(lambda traced: names.append(str(jax.random.key_impl(traced))), key)
    return names[0]
