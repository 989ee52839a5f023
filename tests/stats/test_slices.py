"""Parts of the data, each against the rest."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.stats.slices import ENOUGH, Slicing, holm, slice_results


def slicing(codes: np.ndarray, names: tuple[str, ...], name: str = "group") -> Slicing:
    return Slicing(name, codes, names)


def test_a_worse_slice_is_found_first_and_a_small_one_is_not_judged() -> None:
    random = np.random.default_rng(0)
    codes = np.repeat([0, 1, 2], [2000, 300, ENOUGH - 1])
    right = (random.random(len(codes)) < np.select([codes == 0, codes == 1], [0.9, 0.7], 0.0)) * 1.0
    found = slice_results(
        [slicing(codes, ("a", "b", "c"))], 1 - right, right, np.full(len(codes), 0.9)
    )
    assert [(s.name, s.standing) for s in found] == [
        ("group=b", "worse"), ("group=a", "better"), ("group=c", "not enough data"),
    ]  # fmt: skip
    worst = found[0]
    assert worst.n == 300
    assert worst.metrics["accuracy"].low < 0.7 < worst.metrics["accuracy"].high
    assert worst.metrics["overconfidence"].low > 0.1
    assert math.isnan(found[2].p_value)
    assert found[2].json()["p_value"] is None


def test_without_a_difference_alarms_stay_at_their_rate() -> None:
    random, alarms = np.random.default_rng(1), 0
    for _ in range(200):
        codes = random.integers(0, 12, 1200)
        right = (random.random(1200) < 0.85) * 1.0
        found = slice_results(
            [slicing(codes, tuple(map(str, range(12))))], 1 - right, right, resamples=2
        )
        alarms += any(s.standing in ("worse", "better") for s in found)
    assert alarms / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_intervals_hold_for_all_slices_together() -> None:
    random, missed = np.random.default_rng(2), 0
    for _ in range(200):
        codes = random.integers(0, 8, 1600)
        right = (random.random(1600) < 0.8) * 1.0
        found = slice_results(
            [slicing(codes, tuple(map(str, range(8))))], 1 - right, right, resamples=2
        )
        bounds = [s.metrics["accuracy"] for s in found]
        missed += not all(b.low <= 0.8 <= b.high for b in bounds)
    assert missed / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_numbers_are_compared_by_their_losses() -> None:
    random = np.random.default_rng(3)
    codes = np.repeat([0, 1], 200)
    losses = random.exponential(1.0, 400) * np.where(codes, 3.0, 1.0)
    found = slice_results([slicing(codes, ("low", "high"))], losses)
    assert (found[0].name, found[0].standing) == ("group=high", "worse")
    assert list(found[0].metrics) == ["loss"]


def test_examples_in_no_slice_are_part_of_the_rest() -> None:
    codes = np.array([0] * 50 + [-1] * 50)
    right = np.array([1.0] * 50 + [0.0] * 50)
    (found,) = slice_results([slicing(codes, ("a",))], 1 - right, right)
    assert (found.n, found.standing) == (50, "better")


def test_constant_losses_are_no_difference() -> None:
    codes = np.repeat([0, 1], 50)
    found = slice_results([slicing(codes, ("a", "b"))], np.ones(100))
    assert {s.standing for s in found} == {"no difference shown"}


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="group has 3 codes for 4 examples"):
        slice_results([slicing(np.zeros(3, int), ("a",))], np.ones(4))


@given(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=12))
def test_holm_is_monotone_and_ignores_what_was_not_tested(p_values: list[float]) -> None:
    found = holm(p_values)
    tested = [(p, q) for p, q in zip(p_values, found, strict=True) if not math.isnan(p)]
    assert [math.isnan(q) for q in found] == [math.isnan(p) for p in p_values]
    assert all(p <= q <= 1 for p, q in tested)
    assert all(q <= r for (p, q) in tested for (s, r) in tested if p <= s)
    if tested:
        smallest = min(p for p, _ in tested)
        assert min(q for _, q in tested) == pytest.approx(min(1, smallest * len(tested)))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
