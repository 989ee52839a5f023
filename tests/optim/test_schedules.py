import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.optim import Constant, Cosine, Linear, WarmupStableDecay

KINDS = {
    "constant": Constant,
    "cosine": Cosine,
    "linear": Linear,
    "warmup_stable_decay": WarmupStableDecay,
}
lengths = st.one_of(st.integers(0, 30), st.floats(0, 0.99))


@jax.jit
def traced(schedule, steps):
    return jax.vmap(lambda step: schedule(step, steps))(jnp.arange(64))


def curve(schedule, steps):
    arrays = jax.tree.map(jnp.float32, schedule)
    return np.asarray(traced(arrays, jnp.int32(steps)))[:steps]


def build(kind, warmup, decay, final):
    if kind == "constant":
        return Constant(warmup)
    if kind == "warmup_stable_decay":
        return WarmupStableDecay(warmup, decay, final)
    return KINDS[kind](warmup, final)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(warmup=lengths, decay=lengths, final=st.floats(0, 1), steps=st.integers(1, 64))
def test_shape(kind, warmup, decay, final, steps):
    schedule = build(kind, warmup, decay, final)
    if schedule.check(steps):
        return
    factors = curve(schedule, steps)
    assert (factors >= 0).all()
    assert (factors <= 1).all()
    # As the schedule does: in single precision half a step may fall to either side.
    rise = round(float(np.float32(warmup) * np.float32(steps))) if warmup < 1 else warmup
    top = max(rise, 1) - 1
    assert factors[0] > 0 or final < 1e-6
    if rise < steps:
        np.testing.assert_allclose(
            factors[:rise], (np.arange(rise) + 1) / max(rise, 1), rtol=1e-5, atol=1e-6
        )
        assert (np.diff(factors[: top + 1]) >= 0).all()
        assert (np.diff(factors[top:]) <= 1e-6).all()
        falls = kind in ("cosine", "linear") or (kind != "constant" and round_up(decay, steps) > 0)
        assert factors[-1] == pytest.approx(final if falls else 1.0, abs=1e-5)


def round_up(length, steps):
    return round(length * steps) if length < 1 else length


@pytest.mark.parametrize("kind", KINDS)
def test_traced_values_equal_constants(kind):
    schedule = build(kind, 0.1, 7, 0.2)
    constants = [float(schedule(step, 40)) for step in (0, 3, 20, 36, 39)]
    np.testing.assert_allclose(curve(schedule, 40)[[0, 3, 20, 36, 39]], constants, rtol=1e-6)


def test_values_of_a_schedule_share_a_program():
    traced.clear_cache()
    curve(Cosine(3, 0.1), 20)
    curve(Cosine(0.3, 0.5), 30)
    assert traced._cache_size() == 1


def test_known_values():
    np.testing.assert_allclose(curve(Linear(2, 0.0), 6), [0.5, 1, 0.75, 0.5, 0.25, 0], atol=1e-6)
    half = curve(Cosine(0, 0.0), 4)
    np.testing.assert_allclose(half, (1 + np.cos(np.pi * np.arange(1, 5) / 4)) / 2, atol=1e-6)
    plateau = curve(WarmupStableDecay(2, 4, 0.2), 10)
    np.testing.assert_allclose(plateau, [0.5, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2], atol=1e-6)


def test_what_is_longer_than_the_run():
    assert Cosine(10).check(10) == []
    (problem,) = Cosine(11).check(10)
    assert str(problem).startswith("warmup=11: expected warmup of at most 10 steps (trainer.steps)")
    (problem,) = WarmupStableDecay(4, 0.7).check(10)
    assert problem.key == "decay"
    assert "warmup + decay = 4 + 7 steps" in str(problem)
