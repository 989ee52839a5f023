"""Bad steps, judged on the device."""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.train.guard import ENOUGH, WINDOW, BadSteps, Guard
from framework.train.state import TrainState
from tests.train.small import Small, batches, small, stacked

NAN, INF = float("nan"), float("inf")


def heard(options: BadSteps, losses: list[float], norms: list[float] | None = None) -> list[Any]:
    """(held, frozen, count) after each step with such a loss and gradient norm."""
    guard, found = Guard.new(options), []
    assert guard is not None
    judge = jax.jit(lambda guard, loss, norm: guard.judge(options, loss, norm))
    for loss, norm in zip(losses, norms or [1.0] * len(losses), strict=True):
        guard, held = judge(guard, jnp.float32(loss), jnp.float32(norm))
        found.append((bool(held), bool(guard.frozen), int(guard.count)))
    return found


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_what_is_not_finite_is_bad_in_the_loss_and_in_the_gradient(bad: float) -> None:
    assert heard(BadSteps("skip"), [1, bad, 1]) == [(False, False, 0), (True, False, 1),
                                                    (False, False, 1)]  # fmt: skip
    assert heard(BadSteps("skip"), [1, 1, 1], [1, bad, 1])[1] == (True, False, 1)


@pytest.mark.parametrize("action", ["stop", "rewind"])
def test_to_stop_freezes_everything_after(action: Any) -> None:
    found = heard(BadSteps(action), [1, NAN, 1, NAN, 1])
    assert found == [(False, False, 0)] + [(True, True, 1)] * 4


@settings(deadline=None, max_examples=30)
@given(st.lists(st.booleans(), max_size=24), st.integers(1, 4))
def test_skipping_freezes_after_more_than_the_limit_in_a_row(bad: list[bool], limit: int) -> None:
    expected, in_a_row, frozen, count = [], 0, False, 0
    for each in bad:
        if not frozen:
            in_a_row = in_a_row + 1 if each else 0
            count += each
        held = each or frozen
        frozen = frozen or in_a_row > limit
        expected.append((held, frozen, count))
    assert heard(BadSteps("skip", limit), [NAN if each else 1.0 for each in bad]) == expected


def test_a_leap_is_measured_by_median_and_deviation() -> None:
    random = np.random.default_rng(0)
    usual = random.normal(2.0, 0.1, 3 * WINDOW).tolist()
    assert not any(held for held, _, _ in heard(BadSteps("skip", spike=8.0), usual))
    found = heard(BadSteps("skip", spike=8.0), [*usual, 3.5, 2.0, NAN, 2.0])
    assert [held for held, _, _ in found[-4:]] == [True, False, True, False]


def test_a_leap_needs_enough_good_steps_to_be_one() -> None:
    few = [1.0, 1.1] * (ENOUGH // 2 - 1)
    assert not heard(BadSteps("skip", spike=3.0), [*few, 50.0])[-1][0]
    assert heard(BadSteps("skip", spike=3.0), [*few, 1.0, 1.1, 50.0])[-1][0]


def test_a_leap_does_not_raise_what_is_usual() -> None:
    usual = [1.0 + 0.01 * (n % 7) for n in range(WINDOW)]
    found = heard(BadSteps("skip", limit=1000, spike=5.0), [*usual, *[50.0] * WINDOW])
    assert all(held for held, _, _ in found[WINDOW:])


def guarded(model: str, options: BadSteps | None) -> Small:
    """A small program whose state has a guard."""
    own = small(model)
    return replace(own, values=own.values.replace(bad_steps=options))


def poisoned(batch: dict[str, Any]) -> dict[str, Any]:
    """The batch with an image that is not finite."""
    images = batch["inputs"].astype(np.float32)
    images[3] = np.nan
    return {**batch, "inputs": images}


def plain(count: int) -> list[dict[str, Any]]:
    return [{**batch, "inputs": batch["inputs"].astype(np.float32)} for batch in batches(count)]


def same(one: TrainState, other: TrainState) -> None:
    """Equal, but for what the guard has counted."""
    jax.tree.map(
        np.testing.assert_array_equal,
        *(s.replace(guard=None, values=None, key=jax.random.key_data(s.key)) for s in (one, other)),
    )


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_good_steps_are_those_without_a_guard(model: str) -> None:
    with_guard, without = guarded(model, BadSteps()), guarded(model, None)
    ours, found = with_guard.train(with_guard.start(), plain(5))
    theirs, expected = without.train(without.start(), plain(5))
    for mine, other in zip(found, expected, strict=True):
        assert mine["bad_steps"] == 0
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-6)
    assert int(ours.step) == int(theirs.step) == 5
    for name, array in theirs.params.items():
        np.testing.assert_allclose(ours.params[name], array, rtol=1e-5, atol=1e-7)


def test_a_bad_batch_changes_nothing_but_the_step() -> None:
    own = guarded("mlp", BadSteps("skip"))
    given = plain(4)
    state, _ = own.train(own.start(), given[:2])
    kept = jax.tree.map(jnp.copy, state)
    state, (metrics,) = own.train(state, [poisoned(given[2])])
    assert np.isnan(metrics["loss"])
    assert metrics["bad_steps"] == 1
    same(state.replace(step=kept.step), kept)
    assert int(state.step) == 3


def test_a_frozen_state_is_the_one_before_the_bad_batch_also_in_a_scan() -> None:
    own = guarded("mlp", BadSteps("stop"))
    given = plain(6)
    expected, _ = own.train(own.start(), given[:2])
    several = own.program.call(6, own.abstract)
    state, metrics = several(own.start(), stacked([*given[:2], poisoned(given[2]), *given[3:]]))
    assert int(state.step) == 2
    assert metrics["frozen"].tolist() == [False] * 3 + [True] * 3
    assert metrics["bad_steps"].tolist() == [0, 0, 1, 1, 1, 1]
    for name, array in expected.params.items():
        np.testing.assert_allclose(state.params[name], array, rtol=1e-6, atol=1e-7)
    # Thawed, it goes on as if nothing had been.
    thawed = state.replace(guard=state.guard.thawed())
    state, _ = own.train(thawed, given[2:4])
    assert int(state.step) == 4
