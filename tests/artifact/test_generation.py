"""Which tokens an artifact's `generate` draws, and how often, where the logits are known."""

from itertools import accumulate
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.artifact import Artifact, Contents, InvalidInput, Sampling, Signature, generate
from framework.models.sampling import sample

VOCABULARY, END = 8, 8
LOGITS = np.random.default_rng(0).normal(size=VOCABULARY).astype(np.float32)
ABOUT = {
    "language": {
        "vocabulary": VOCABULARY, "end": END, "context": 16,
        "cache": {"shape": ["batch", "length"], "dtype": "float32"},
    }
}  # fmt: skip


def says(logits):
    """An artifact that says the same logits before every token."""

    def program(weights, inputs):
        told = np.tile(logits, (len(inputs["tokens"]), 1))
        return {"logits": told, "keys": inputs["keys"], "values": inputs["values"]}

    contents = Contents(Path("told"), ABOUT, {})
    programs = {"prefill": program, "decode": program}
    return Artifact(contents, Signature({}, {}, {}), programs, {}, (1,))


def drawn(count=4000, tokens=1, **options):
    """How often each token comes out of so many draws."""
    prompts = {"tokens": [[0]] * count}
    written = generate(says(LOGITS), prompts, tokens, Sampling(**options))
    return np.bincount(np.ravel(written), minlength=VOCABULARY) / (count * tokens)


def nucleus(temperature, top_k, top_p):
    """What each token's probability is to be: counted out in whole numbers of Python's."""
    powers = np.exp(LOGITS.astype(np.float64) / temperature)
    order = sorted(range(VOCABULARY), key=lambda token: -powers[token])[:top_k]
    masses = list(accumulate(powers[token] for token in order))
    needed = 1 + sum(mass < top_p * masses[-1] for mass in masses[:-1])
    kept = order[:needed]
    return {token: powers[token] / sum(powers[one] for one in kept) for token in kept}


@settings(deadline=None, max_examples=30)
@given(
    temperature=st.floats(0.3, 3), top_k=st.none() | st.integers(1, 9), top_p=st.floats(0, 1)
)  # fmt: skip
def test_top_p_draws_from_the_fewest_tokens_that_reach_it(temperature, top_k, top_p):
    wanted = np.zeros(VOCABULARY)
    for token, probability in nucleus(temperature, top_k, top_p).items():
        wanted[token] = probability
    found = drawn(temperature=temperature, top_k=top_k, top_p=top_p)
    assert set(np.flatnonzero(found)) <= set(np.flatnonzero(wanted))
    np.testing.assert_allclose(found, wanted, atol=0.04)


@pytest.mark.parametrize("top_p", [0.0, 0.3, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("top_k", [None, 3])
def test_the_same_tokens_come_out_as_from_the_run(top_p, top_k):
    found = drawn(temperature=1.5, top_k=top_k, top_p=top_p)
    rows = jnp.tile(LOGITS, (4000, 1))
    run = np.bincount(sample(rows, jax.random.key(0), 1.5, top_k, top_p), minlength=VOCABULARY)
    np.testing.assert_array_equal(found > 0, run > 0)
    np.testing.assert_allclose(found, run / 4000, atol=0.04)


def test_each_token_is_drawn_so_and_not_only_the_first():
    kept = nucleus(1.0, None, 0.5)
    found = drawn(300, tokens=5, temperature=1.0, top_p=0.5)
    assert set(np.flatnonzero(found)) == set(kept)


def test_the_smallest_top_p_is_greedy_and_greedy_needs_none():
    best = np.eye(VOCABULARY)[LOGITS.argmax()]
    np.testing.assert_array_equal(drawn(50, temperature=2.0, top_p=0.0), best)
    np.testing.assert_array_equal(drawn(50, temperature=0.0, top_p=0.9), best)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": -1.0}, "temperature=-1.0: expected a number from 0"),
        ({"temperature": float("nan")}, "temperature=nan: expected a number from 0"),
        ({"top_k": 0}, "top_k=0: expected a number from 1"),
        ({"top_p": 1.01}, "top_p=1.01: expected a number from 0 to 1"),
        ({"top_p": -0.1}, "top_p=-0.1: expected a number from 0 to 1"),
        ({"top_p": float("nan")}, "top_p=nan: expected a number from 0 to 1"),
        ({"top_k": 0, "top_p": 2}, "top_k=0: expected a number from 1; top_p=2: expected"),
    ],
)
def test_what_cannot_be_drawn_so_is_told(options, said):
    with pytest.raises(InvalidInput, match=said):
        Sampling(**options)
