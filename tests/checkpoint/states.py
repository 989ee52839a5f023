"""A small state with everything that a train state may hold."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax.sharding import AxisType, Mesh, NamedSharding
from jax.sharding import PartitionSpec as P


@struct.dataclass
class State:
    step: jax.Array
    params: dict[str, jax.Array]
    moments: tuple[Any, ...]
    key: jax.Array
    rate: jax.Array
    nothing: None = None
    empty: dict[str, Any] = struct.field(default_factory=dict)


def mesh(devices: int) -> Mesh:
    return jax.make_mesh(
        (devices,), ("data",), axis_types=(AxisType.Auto,), devices=jax.devices()[:devices]
    )


def make(devices: int = 1, seed: int = 0, step: int = 3) -> State:
    """Kernels and moments are divided over the devices, all else is on each."""
    divided = NamedSharding(mesh(devices), P("data"))
    whole = NamedSharding(mesh(devices), P())
    rng = np.random.default_rng(seed)
    kernel, moment = rng.normal(size=(2, 16, 4)).astype(np.float32)
    bias = rng.normal(size=3).astype(jnp.bfloat16)
    return State(
        step=jax.device_put(jnp.int32(step), whole),
        params={
            "layers/0/kernel": jax.device_put(kernel, divided),
            "layers/0/bias": jax.device_put(bias, whole),
            "none": jax.device_put(np.zeros((0, 3), np.float32), whole),
        },
        moments=({"layers/0/kernel": jax.device_put(moment, divided)}, ()),
        key=jax.device_put(jax.random.key(seed), whole),
        rate=jax.device_put(jnp.float32(0.1), whole),
    )


def abstract(state: State) -> State:
    def struct_of(leaf: Any) -> Any:
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)

    return jax.tree.map(struct_of, state)


def assert_equal(found: State, expected: State) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert (left.dtype, left.shape) == (right.dtype, right.shape)
        if jnp.issubdtype(left.dtype, jax.dtypes.prng_key):
            left, right = jax.random.key_data(left), jax.random.key_data(right)
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right))
