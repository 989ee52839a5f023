"""Gaps between groups."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.stats.fairness import (
    calibration_within_groups,
    count_table,
    demographic_parity,
    equalised_odds,
)

NAMES = ("a", "b")


def table(rows: list[tuple[int, int, int, int]]) -> np.ndarray:
    """A count table of (group, label, prediction, how many)."""
    counts = np.zeros((2, 2, 2), int)
    for group, label, said, many in rows:
        counts[group, label, said] = many
    return counts


HIRED = table([(0, 1, 1, 60), (0, 1, 0, 20), (0, 0, 1, 10), (0, 0, 0, 110),
               (1, 1, 1, 30), (1, 1, 0, 50), (1, 0, 1, 10), (1, 0, 0, 110)])  # fmt: skip


def test_by_hand() -> None:
    parity = demographic_parity(HIRED, NAMES)
    assert parity.value == pytest.approx(70 / 200 - 40 / 200)
    assert parity.between == ("a", "b", "predicted 1")
    odds = equalised_odds(HIRED, NAMES)
    assert odds.value == pytest.approx(60 / 80 - 30 / 80)
    assert odds.between == ("a", "b", "label 1 predicted 1")
    for gap in (parity, odds):
        assert 0 < gap.low < gap.value < gap.high
        assert gap.p_value < 0.01
        assert gap.without_difference < gap.value / 2


def test_the_rates_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import recall_score

    random = np.random.default_rng(0)
    groups, labels, said = (random.integers(0, k, 3000) for k in (2, 2, 2))
    odds = equalised_odds(count_table(groups, labels, said, (2, 2)), NAMES)
    rates = [
        [recall_score(labels[groups == g], said[groups == g], pos_label=c) for c in (0, 1)]
        for g in (0, 1)
    ]
    expected = max(abs(rates[0][c] - rates[1][c]) for c in (0, 1))
    assert odds.value == pytest.approx(expected)


def test_few_examples_are_not_compared() -> None:
    few = HIRED // 20
    assert math.isnan(demographic_parity(few, NAMES).value)
    assert equalised_odds(few, NAMES).json()["value"] is None


def test_several_classes_are_compared_one_by_one() -> None:
    random = np.random.default_rng(1)
    groups, labels = random.integers(0, 2, 4000), random.integers(0, 3, 4000)
    said = np.where((groups == 1) & (labels == 2) & (random.random(4000) < 0.5), 0, labels)
    odds = equalised_odds(count_table(groups, labels, said, (2, 3)), NAMES)
    assert odds.between == ("a", "b", "label 2 predicted 2")
    assert odds.value == pytest.approx(0.5, abs=0.06)
    parity = demographic_parity(count_table(groups, labels, said, (2, 3)), NAMES)
    assert parity.value == pytest.approx(1 / 6, abs=0.05)


@given(st.permutations(range(60)), st.integers(1, 59))
def test_tables_of_parts_add_up(order: list[int], cut: int) -> None:
    random = np.random.default_rng(2)
    columns = [random.integers(-1 if k == 4 else 0, k, 60)[order] for k in (4, 3, 3)]
    whole = count_table(*columns, (4, 3))  # type: ignore[arg-type]
    parts = [count_table(*(c[part] for c in columns), (4, 3))  # type: ignore[arg-type]
             for part in (slice(cut), slice(cut, None))]  # fmt: skip
    np.testing.assert_array_equal(whole, parts[0] + parts[1])
    assert whole.sum() == (columns[0] >= 0).sum()


def test_alarms_and_intervals_keep_their_rates_without_a_difference() -> None:
    random, alarms, missed = np.random.default_rng(3), 0, 0
    for seed in range(200):
        groups = random.integers(0, 5, 1500)
        labels = random.integers(0, 2, 1500)
        said = np.where(random.random(1500) < 0.8, labels, 1 - labels)
        gap = equalised_odds(count_table(groups, labels, said, (5, 2)), tuple("abcde"), seed=seed)
        alarms += gap.p_value < 0.05
        missed += gap.low > 0
        assert gap.without_difference == pytest.approx(0.1, abs=0.05)
    for count in (alarms, missed):
        assert count / 200 < 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_calibration_within_groups() -> None:
    random = np.random.default_rng(4)
    groups = np.repeat([0, 1, -1], [1000, 1000, 500])
    sure = random.uniform(0.5, 1, 2500)
    right = (random.random(2500) < np.where(groups == 1, sure - 0.2, sure)) * 1.0
    gap = calibration_within_groups(groups, sure, right, NAMES)
    assert gap.between == ("b", "overconfident")
    assert gap.low < 0.2 < gap.high
    assert gap.p_value < 0.01
    honest = calibration_within_groups(np.zeros(1000, int), sure[:1000], right[:1000], ("a",))
    assert honest.low == 0
    assert honest.p_value > 0.01
    assert math.isnan(calibration_within_groups(groups[:9], sure[:9], right[:9], NAMES).value)
