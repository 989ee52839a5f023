"""Operations counted from a jaxpr, against arithmetic by hand and XLA's own count."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax
from jax.sharding import PartitionSpec as P

from framework.parallel import MeshOptions, build_mesh
from framework.parallel.operations import sum_of, traced


def array(*shape: int, dtype: Any = np.float32) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def xla(function: Any, *arguments: Any) -> float:
    return float(jax.jit(function).lower(*arguments).cost_analysis()["flops"])


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
def test_products_and_their_gradient(m: int, k: int, n: int, b: int) -> None:
    def product(x: jax.Array, y: jax.Array) -> jax.Array:
        return jnp.einsum("bmk,bkn->bmn", x, y)

    arrays = array(b, m, k), array(b, k, n)
    assert traced(product, *arrays) == {"float32": 2.0 * b * m * k * n}
    assert sum_of(traced(product, *arrays)) == xla(product, *arrays)
    gradient = jax.grad(lambda x, y: jnp.sin(product(x, y)).sum(), argnums=(0, 1))
    assert sum_of(traced(gradient, *arrays)) == 3 * 2.0 * b * m * k * n


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (1, 4), (2, 2)])
def test_convolutions_and_their_gradient(stride: int, groups: int) -> None:
    def convolve(x: jax.Array, kernel: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(
            x, kernel, (stride, stride), "VALID", feature_group_count=groups,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip

    x, kernel = array(2, 9, 9, 8), array(3, 3, 8 // groups, 12)
    side = (9 - 3) // stride + 1
    by_hand = 2.0 * 2 * side * side * 12 * 3 * 3 * (8 // groups)
    assert sum_of(traced(convolve, x, kernel)) == by_hand == xla(convolve, x, kernel)
    gradient = jax.grad(lambda x, k: (convolve(x, k) ** 2).sum(), argnums=(0, 1))
    found = sum_of(traced(gradient, x, kernel))
    # That of the input goes over the border, where it multiplies with zeros.
    assert found >= 3 * by_hand
    assert found - 2 * by_hand == pytest.approx(
        2.0 * 2 * 9 * 9 * (12 // groups) * 9 * 8 / stride**2, abs=1e-9
    )


def layer(x: jax.Array, w: jax.Array) -> tuple[jax.Array, None]:
    return jnp.tanh(x @ w), None


@pytest.mark.parametrize("length", [1, 3, 7])
def test_scans_and_rematerialisation(length: int) -> None:
    x, w = array(4, 8), array(length, 8, 8)
    one = 2.0 * 4 * 8 * 8

    def loss(remat: bool) -> Any:
        body = jax.checkpoint(layer) if remat else layer
        return lambda x, w: lax.scan(body, x, w)[0].sum()

    assert sum_of(traced(loss(False), x, w)) == length * one
    for remat, forwards in ((False, 1), (True, 2)):
        found = sum_of(traced(jax.grad(loss(remat), argnums=(0, 1)), x, w))
        assert found == length * (forwards + 2) * one


def test_functions_within_functions() -> None:
    x, w = array(4, 8), array(8, 8)
    one = 2.0 * 4 * 8 * 8

    @jax.custom_vjp
    def own(x: jax.Array, w: jax.Array) -> jax.Array:
        return x @ w

    own.defvjp(lambda x, w: (x @ w, (x, w)), lambda kept, g: (g @ kept[1].T, kept[0].T @ g))
    assert sum_of(traced(jax.jit(own), x, w)) == one
    gradient = jax.grad(lambda x, w: own(x, w).sum(), argnums=(0, 1))
    assert sum_of(traced(gradient, x, w)) == 3 * one

    def branches(x: jax.Array, w: jax.Array) -> jax.Array:
        return lax.cond(x[0, 0] > 0, lambda: x, lambda: x @ w @ w)

    assert sum_of(traced(branches, x, w)) == 2 * one


def test_the_body_of_shard_map_counts_for_every_device() -> None:
    mesh = build_mesh(MeshOptions(data=4, tensor=2))
    product = jax.shard_map(
        lambda x, w: x @ w, mesh=mesh, in_specs=(P("data"), P()), out_specs=P("data")
    )
    # Tensor has the same work twice: it is done twice.
    assert sum_of(traced(product, array(8, 8), array(8, 8))) == 2 * 2.0 * 8 * 8 * 8


def test_types_are_counted_apart() -> None:
    def mixed(x: jax.Array, y: jax.Array) -> Any:
        half = jnp.bfloat16
        return x @ y, x.astype(half) @ y.astype(half), x @ y.astype(half)

    found = traced(mixed, array(2, 2), array(2, 2))
    assert found["bfloat16"] == 16.0
    assert sum_of(found) == 48.0
