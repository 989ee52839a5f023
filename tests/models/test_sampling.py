import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.models.sampling import sample

LOGITS = jnp.asarray(np.random.default_rng(0).normal(size=(1, 12)).astype(np.float32))


def drawn(count=4000, **options):
    """How often each token comes out of so many draws."""
    rows = jnp.tile(LOGITS, (count, 1))
    return np.bincount(sample(rows, jax.random.key(0), **options), minlength=12) / count


def test_temperature_zero_is_greedy():
    assert (drawn(50, temperature=0.0) == np.eye(12)[int(LOGITS.argmax())]).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_draws_follow_the_softmax_at_the_temperature(temperature):
    expected = np.asarray(jax.nn.softmax(LOGITS[0] / temperature))
    np.testing.assert_allclose(drawn(temperature=temperature), expected, atol=0.03)


def test_top_k_draws_from_the_k_most_probable():
    found = drawn(top_k=3)
    best = np.argsort(np.asarray(LOGITS[0]))[-3:]
    assert set(np.flatnonzero(found)) == set(best)
    expected = np.asarray(jax.nn.softmax(LOGITS[0]))[best]
    np.testing.assert_allclose(found[best], expected / expected.sum(), atol=0.03)


@settings(deadline=None, max_examples=20)
@given(st.floats(0.01, 1))
def test_top_p_keeps_the_fewest_tokens_that_reach_it(top_p):
    p = np.asarray(jax.nn.softmax(LOGITS[0]), np.float64)
    order = np.argsort(-p)
    needed = int(np.searchsorted(np.cumsum(p[order]), top_p - 1e-6) + 1)
    found = set(np.flatnonzero(drawn(500, top_p=top_p)))
    assert found <= set(order[:needed])
    assert order[0] in found
