from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from framework.models.convolve import convolve

OPTIONS = {"dimension_numbers": ("NHWC", "HWIO", "NHWC")}


def ours(x, kernel, **options):
    return convolve(x, kernel, (1, 1), ((1, 1), (1, 1)), **OPTIONS, **options)


@pytest.mark.parametrize("batch", [1, 6, 32])
@pytest.mark.parametrize(("stride", "padding"), [(1, ((1, 1), (1, 1))), (2, "SAME")])
def test_values_and_gradients_equal_lax(batch, stride, padding):
    x = jax.random.normal(jax.random.key(0), (batch, 7, 6, 3))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 3, 4))

    @partial(jax.jit, static_argnums=0)
    def both(function, x, kernel):
        def total(x, kernel):
            y = function(x, kernel, (stride, stride), padding, **OPTIONS)
            return jnp.sin(y).sum(), y

        return jax.grad(total, argnums=(0, 1), has_aux=True)(x, kernel)

    found, expected = both(convolve, x, kernel), both(lax.conv_general_dilated, x, kernel)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_forward_mode():
    x = jax.random.normal(jax.random.key(0), (8, 4, 4, 2))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 2, 2))

    @jax.jit
    def both(x, kernel):
        def total(x, kernel):
            return (ours(x, kernel) ** 2).sum()

        _, forward = jax.jvp(total, (x, kernel), (x, kernel))
        by_x, by_kernel = jax.grad(total, argnums=(0, 1))(x, kernel)
        return forward, (by_x * x).sum() + (by_kernel * kernel).sum()

    assert float(both(x, kernel)[0]) == pytest.approx(float(both(x, kernel)[1]), rel=1e-4)


@pytest.mark.parametrize(("platform", "pieces"), [("cpu", 8), ("cuda", 1), ("tpu", 1)])
def test_only_cpu_divides_the_batch(platform, pieces):
    x = jax.ShapeDtypeStruct((64, 4, 4, 2), jnp.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, 2, 2), jnp.float32)
    gradient = jax.jit(jax.grad(lambda x, k: ours(x, k).sum(), argnums=1))
    text = jax.export.export(gradient, platforms=[platform])(x, kernel).mlir_module()
    assert text.count("stablehlo.convolution") == pieces


def test_evaluation_is_a_plain_convolution_for_any_backend():
    x, kernel = jnp.ones((16, 4, 4, 2)), jnp.ones((3, 3, 2, 2))
    text = str(jax.make_jaxpr(ours)(x, kernel))
    assert text.count("conv_general_dilated[") == 1
    assert "platform_index" not in text
    assert "platform_index" in str(jax.make_jaxpr(jax.grad(lambda k: ours(x, k).sum()))(kernel))
