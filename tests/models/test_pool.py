from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from framework.models.pool import max_pool
from tests.models.ready import MODELS, example, network


@pytest.mark.parametrize(
    ("size", "window", "stride", "padding"),
    [
        ((6, 6), 2, 2, "VALID"),
        ((7, 5), 2, 2, "VALID"),
        ((7, 5), 2, 2, "SAME"),
        ((8, 7), 3, 2, "SAME"),
        ((8, 7), 3, 2, ((1, 1), (1, 1))),
        ((6, 7), 2, 3, "VALID"),
        ((5, 6), 3, 1, ((1, 0), (0, 2))),
    ],
)
def test_values_and_gradients_equal_flax(size, window, stride, padding):
    @partial(jax.jit, static_argnums=0)
    def both(pool, x, weights):
        values, pull = jax.vjp(pool, x)
        return values, pull(weights[:, : values.shape[1], : values.shape[2]])[0]

    def ours(x):
        return max_pool(x, window, stride=stride, padding=padding)

    def flax(x):
        return nnx.max_pool(x, (window, window), strides=(stride, stride), padding=padding)

    x = jax.random.normal(jax.random.key(0), (2, *size, 3))
    weights = jax.random.normal(jax.random.key(1), (2, 9, 9, 3))
    for inputs in (x, jnp.round(x)):  # whole numbers: the first of equal values has the gradient
        (found, gradient), (expected, wanted) = (both(f, inputs, weights) for f in (ours, flax))
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-6)


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


@pytest.mark.long
def test_the_compiled_gradient_is_that_of_each_operation_by_itself() -> None:
    """A compiler that computes the pooled values twice may round them differently."""
    own = network("cnn_batch")
    params, others = own.initialise(jax.random.key(0))
    inputs = example(MODELS["cnn_batch"][2])

    def loss(params: dict[str, jax.Array]) -> jax.Array:
        model = own.bind(params, others)
        return (model(inputs, train=True, rngs=nnx.Rngs(dropout=jax.random.key(1))) ** 2).mean()

    expected, found = jax.grad(loss)(params), jax.jit(jax.grad(loss))(params)
    for path, gradient in expected.items():
        scale = float(jnp.abs(gradient).max())
        np.testing.assert_allclose(found[path], gradient, rtol=1e-4, atol=1e-4 * scale)
