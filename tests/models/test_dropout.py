import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from framework.models.dropout import Dropout, Hyperparameter, optional_dropout

X = jnp.ones((100, 200))


def rngs(seed=0):
    return nnx.Rngs(dropout=jax.random.key(seed))


def test_share_and_scale():
    y = np.asarray(Dropout(0.25)(X, train=True, rngs=rngs()))
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.01
    assert not np.array_equal(y, Dropout(0.25)(X, train=True, rngs=rngs(1)))


def test_evaluation_is_the_identity_and_training_needs_a_key():
    assert Dropout(0.5)(X, train=False) is X
    with pytest.raises(ValueError, match="'dropout' stream"):
        Dropout(0.5)(X, train=True)


def test_no_layer_without_a_rate():
    assert optional_dropout(None) is None
    assert optional_dropout(0.0) is None


def test_another_rate_is_another_value_of_the_same_program():
    graph, state = nnx.split(Dropout(0.5))
    assert isinstance(Dropout(0.5).rate, Hyperparameter)

    @jax.jit
    def apply(state, key):
        return nnx.merge(graph, state)(X, train=True, rngs=nnx.Rngs(dropout=key))

    for rate in (0.1, 0.5, 0.9):
        y = apply(jax.tree.map(lambda _, r=rate: jnp.float32(r), state), jax.random.key(0))
        assert abs(float((y == 0).mean()) - rate) < 0.02
    assert apply._cache_size() == 1


def test_gradient_passes_where_values_pass():
    gradient = jax.grad(lambda x: Dropout(0.5)(x, train=True, rngs=rngs()).sum())(X)
    np.testing.assert_array_equal(gradient, Dropout(0.5)(X, train=True, rngs=rngs()))
