import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.models.pool import _by_comparison, _by_reduce_window, max_pool


def reference(x, window, stride, padding):
    return nnx.max_pool(x, (window, window), strides=(stride, stride), padding=padding)


@settings(max_examples=15, deadline=None)
@given(
    size=st.sampled_from([(6, 6), (7, 5), (3, 8)]),
    window=st.integers(1, 3),
    stride=st.integers(1, 3),
    padding=st.sampled_from(["VALID", "SAME", ((1, 0), (0, 1))]),
    ties=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_values_and_gradients_equal_flax(size, window, stride, padding, ties, seed):
    if padding not in ("VALID", "SAME") and window == 1:
        return  # a window of padding alone has no maximum
    x = jax.random.normal(jax.random.key(seed), (2, *size, 3))
    if ties:  # whole numbers: the first of equal values has the gradient
        x = jnp.round(x)
    values, pull = jax.vjp(lambda x: max_pool(x, window, stride=stride, padding=padding), x)
    expected, pull_expected = jax.vjp(lambda x: reference(x, window, stride, padding), x)
    np.testing.assert_array_equal(values, expected)
    weights = jax.random.normal(jax.random.key(seed + 1), expected.shape)
    np.testing.assert_allclose(pull(weights)[0], pull_expected(weights)[0], rtol=1e-5, atol=1e-6)


def test_both_ways_agree_on_what_a_backend_may_choose():
    x = jax.random.normal(jax.random.key(0), (2, 7, 7, 3))
    np.testing.assert_array_equal(_by_comparison(3, 2, x), _by_reduce_window(3, 2, x))


def test_default_stride_is_the_window_and_types_stay():
    x = jnp.arange(49.0, dtype=jnp.bfloat16).reshape(1, 7, 7, 1)
    y = max_pool(x, 2)
    assert y.dtype == jnp.bfloat16
    np.testing.assert_array_equal(y[0, :, :, 0], [[8, 10, 12], [22, 24, 26], [36, 38, 40]])


def test_forward_mode_and_second_derivatives():
    x = jax.random.normal(jax.random.key(0), (1, 4, 4, 1))
    t = jax.random.normal(jax.random.key(1), x.shape)

    def f(x):
        return (max_pool(x, 2) ** 3).sum()

    _, forward = jax.jvp(f, (x,), (t,))
    np.testing.assert_allclose(forward, (jax.grad(f)(x) * t).sum(), rtol=1e-5)
    _, second = jax.jvp(jax.grad(f), (x,), (t,))
    assert np.isfinite(second).all()
    assert np.any(second)


@pytest.mark.parametrize("platform", ["cpu", "cuda", "tpu"])
def test_lowers_for_every_backend(platform):
    x = jax.ShapeDtypeStruct((2, 6, 6, 3), jnp.float32)
    text = jax.export.export(
        jax.jit(jax.grad(lambda x: max_pool(x, 2).sum())), platforms=[platform]
    )(x).mlir_module()
    assert ("select_and_scatter" in text) == (platform != "cpu")
