"""A rewritten program gives the same values, whatever it is made of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from framework.export.formats.rewrite import rewritten
from framework.export.formats.rewrites import (
    argmax_by_place,
    gather_by_comparison,
    pad_by_parts,
    pool_by_slices,
    select_truth,
    stack_by_parts,
)
from framework.models import max_pool

REWRITES = {
    "argmax": argmax_by_place,
    "gather": gather_by_comparison,
    "pad": pad_by_parts,
    "reduce_window_max": pool_by_slices,
    "select_n": select_truth,
    "stack": stack_by_parts,
}
X = np.random.default_rng(0).normal(size=(3, 5, 7)).astype(np.float32)
PLACES = np.random.default_rng(1).integers(0, 9, (3, 5, 2)).astype(np.int32)  # some too large


def _primitives(function, *arguments) -> set[str]:
    return {e.primitive.name for e in jax.make_jaxpr(function)(*arguments).jaxpr.eqns}


@pytest.mark.parametrize(
    ("function", "gone"),
    [
        (lambda x: jnp.take_along_axis(x, PLACES, -1), "gather"),
        (lambda x: jnp.take_along_axis(x, PLACES, -1, mode="clip"), "gather"),
        (lambda x: jnp.take_along_axis(x[:, 0], PLACES[:, 0], -1), "gather"),
        (lambda x: x[..., 3], "gather"),
        (lambda x: x[..., -1], "gather"),
        (lambda x: x[:, 0], "gather"),
        (lambda x: x[2], "gather"),
        (lambda x: jnp.take(x, jnp.array([1, 2]), axis=1), "jit"),
        (lambda x: x.argmax(-1), "argmax"),
        (lambda x: jnp.round(x).argmax(1), "argmax"),  # of equal values the first
        (lambda x: jnp.where(x[:, :1] > 0, x > 0, x < 1), "jit"),
        (lambda x: lax.scan(lambda a, b: (a + b, a * b), x[0], x), "scan"),
        (lambda x: lax.scan(lambda a, b: (a + b, a * b), x[0], x, reverse=True), "scan"),
        (jax.checkpoint(lambda x: jnp.sin(x)), "checkpoint"),
        (lambda x: jnp.stack([x, x + 1], 1), "stack"),
        (jax.nn.relu, "custom_jvp_call"),
    ],
)
def test_values_stay(function, gone):
    again = rewritten(function, REWRITES)
    assert gone not in _primitives(again, X)
    for wanted, found in zip(
        jax.tree.leaves(function(jnp.asarray(X))), jax.tree.leaves(jax.jit(again)(X)), strict=True
    ):
        np.testing.assert_array_equal(wanted, found)


@settings(deadline=None, max_examples=25)  # each shape is compiled
@given(st.integers(1, 4), st.integers(1, 3), st.integers(4, 9), st.sampled_from(["VALID", "SAME"]))
def test_pooling_by_slices_is_pooling(window: int, stride: int, size: int, padding):
    x = np.random.default_rng(size).normal(size=(2, size, size + 1, 3)).astype(np.float32)

    def pool(x):
        return max_pool(x, window, stride=stride, padding=padding)

    np.testing.assert_array_equal(pool(x), rewritten(pool, REWRITES)(x))


def test_what_is_not_the_same_is_not_rewritten():
    holes = {"window_dimensions": (2,), "window_strides": (1,), "padding": ((0, 0),)}
    with pytest.raises(NotImplementedError, match="dilation"):
        pool_by_slices(X[0, 0], **holes, base_dilation=(1,), window_dilation=(2,))
    with pytest.raises(NotImplementedError, match="pad by"):
        pad_by_parts(X[0, 0], 0.0, padding_config=[(0, 0, 1)])
