"""A state as a flat dictionary of arrays, and back: a checkpoint needs none of our classes.

`state.params["blocks/0/kernel"]` is saved as `params/blocks/0/kernel`. None and empty containers
have no leaves. A typed random key (`jax.random.key`) is saved as its key data. Arrays of no
elements, which Orbax refuses, are described but not stored.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

PyTree = Any


def named_leaves(state: PyTree) -> dict[str, Any]:
    """Every leaf of `state` (array, scalar or ShapeDtypeStruct) by its path.

    Raises ValueError where two paths give one name.
    """
    paths = jax.tree_util.tree_flatten_with_path(state)[0]
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in paths]
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"two leaves of the state have one name: {', '.join(twice)}")
    return dict(zip(names, (leaf for _, leaf in paths), strict=True))


def describe(leaves: Mapping[str, Any]) -> dict[str, str]:
    """`float32[8,3]`, or `key<threefry2x32>[]`, of each leaf."""
    return {
        name: f"{_type(leaf)}[{','.join(map(str, leaf.shape))}]" for name, leaf in _typed(leaves)
    }


def to_save(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored: plain arrays, without the empty ones."""
    return {
        name: jax.random.key_data(leaf) if _is_key(leaf) else leaf
        for name, leaf in _typed(leaves)
        if leaf.size
    }


def to_restore(leaves: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes, types and shardings of what is stored for the abstract `leaves`."""
    wanted = {}
    for name, leaf in _typed(leaves):
        if leaf.size:
            plain = jax.eval_shape(jax.random.key_data, leaf) if _is_key(leaf) else leaf
            sharding = _sharding(leaf)
            struct: Any = jax.ShapeDtypeStruct
            wanted[name] = struct(plain.shape, plain.dtype, sharding=sharding)
    return wanted


def from_restored(state: PyTree, leaves: Mapping[str, Any], stored: Mapping[str, Any]) -> PyTree:
    """A tree like `state` (whose named leaves are `leaves`) with the restored arrays in it."""
    values = [_restored(leaf, stored.get(name)) for name, leaf in _typed(leaves)]
    return jax.tree.unflatten(jax.tree.structure(state), values)


def _restored(leaf: Any, value: Any) -> Any:
    if value is None:
        empty = np.zeros(leaf.shape, leaf.dtype)
        return jax.make_array_from_callback(leaf.shape, _sharding(leaf), lambda index: empty[index])
    if not _is_key(leaf):
        return value
    name = _key_type(leaf)
    wrap = jax.jit(
        lambda data: jax.random.wrap_key_data(data, impl=name), out_shardings=_sharding(leaf)
    )
    return wrap(value)


def _typed(leaves: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Python numbers become NumPy scalars; arrays and ShapeDtypeStructs pass."""
    return [(n, leaf if hasattr(leaf, "dtype") else np.asarray(leaf)) for n, leaf in leaves.items()]


def _is_key(leaf: Any) -> bool:
    return bool(jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key))


def _type(leaf: Any) -> str:
    return f"key<{_key_type(leaf)}>" if _is_key(leaf) else np.dtype(leaf.dtype).name


def _key_type(leaf: Any) -> str:
    """The name of the key's generator; asked of a traced key, as abstract ones have no answer."""
    names: list[str] = []
    jax.eval_shape(lambda key: names.append(str(jax.random.key_impl(key))), leaf)
    return names[0]


def _sharding(leaf: Any) -> jax.sharding.Sharding:
    sharding = getattr(leaf, "sharding", None)
    return sharding or jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
