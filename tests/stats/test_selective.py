from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.stats import (
    area_under_risk_coverage,
    excess_area_under_risk_coverage,
    risk_coverage,
    selective_estimates,
)
from framework.stats.selective import _area


def area_in_order(losses):
    return np.mean(np.cumsum(losses) / np.arange(1, len(losses) + 1))


def test_by_hand():
    curve = risk_coverage([0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6])
    np.testing.assert_allclose(curve.coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(curve.risk, [0, 1 / 2, 1 / 3, 1 / 2])
    np.testing.assert_allclose(curve.threshold, [0.9, 0.8, 0.7, 0.6])
    area = area_under_risk_coverage([0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6])
    assert area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    best = (0 + 0 + 1 / 3 + 1 / 2) / 4
    excess = excess_area_under_risk_coverage([0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6])
    assert excess == pytest.approx(area - best)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 1.0, 0.3, 7.5]), st.sampled_from([0.1, 0.5, 1.0])),
        min_size=1,
        max_size=6,
    )
)
def test_ties_are_the_mean_over_all_their_orders(rows):
    orders = [
        [loss for loss, _ in order]
        for order in permutations(rows)
        if all(a[1] >= b[1] for a, b in pairwise(order))
    ]
    expected = np.mean([area_in_order(order) for order in orders])
    loss, sure = map(list, zip(*rows, strict=True))
    assert area_under_risk_coverage(loss, sure) == pytest.approx(expected)


def test_a_constant_confidence_is_worth_the_mean_loss_and_a_knowing_one_has_no_excess():
    loss = np.random.default_rng(0).exponential(size=500)
    assert area_under_risk_coverage(loss, np.ones(500)) == pytest.approx(loss.mean())
    assert excess_area_under_risk_coverage(loss, -loss) == 0
    assert excess_area_under_risk_coverage(loss, loss) > loss.mean() / 2
    curve = risk_coverage(loss, np.ones(500))
    assert curve.coverage.tolist() == [1]
    assert curve.risk == pytest.approx([loss.mean()])


def test_the_best_area_of_wrong_and_right_is_near_its_formula():
    wrong = np.arange(10_000) < 1500
    r = 0.15
    best = area_under_risk_coverage(wrong, ~wrong)
    assert best == pytest.approx(r + (1 - r) * np.log(1 - r), abs=1e-4)


def test_intervals_cover_on_known_truth():
    def draw(rng, n):
        p = rng.uniform(0.5, 1, n)
        return rng.random(n) > p, p

    truth = area_under_risk_coverage(*draw(np.random.default_rng(9), 2_000_000))
    rng = np.random.default_rng(0)
    name = "area_under_risk_coverage"
    found = [selective_estimates(*draw(rng, 300), resamples=200, seed=i)[name] for i in range(200)]
    covered = np.mean([e.low <= truth <= e.high for e in found])
    assert covered == pytest.approx(0.95, abs=0.05)  # three standard errors


def test_two_draws_of_an_example_tie():
    loss, sure = np.array([1.0, 0.0, 2.0]), np.array([0.3, 0.2, 0.2])
    found = _area(np.array([[2.0, 1.0, 1.0], [0.0, 3.0, 1.0]]), loss, -sure)
    assert found[0] == pytest.approx(area_under_risk_coverage([1, 1, 0, 2], [0.3, 0.3, 0.2, 0.2]))
    assert found[1] == pytest.approx(area_under_risk_coverage([0, 0, 0, 2], [1, 1, 1, 1]))


def test_groups_and_few_examples():
    loss, sure = np.ones(20), np.arange(20.0)
    assert (
        selective_estimates(loss, sure, groups=np.arange(20) // 5)["area_under_risk_coverage"].n
        == 4
    )
    for estimate in selective_estimates([], []).values():
        assert estimate.n == 0
        assert np.isnan(estimate.value)
    one = selective_estimates([1.0], [0.5])["area_under_risk_coverage"]
    assert one.value == 1
    assert np.isnan(one.low)
    assert np.isnan(area_under_risk_coverage([], []))
    assert np.isnan(excess_area_under_risk_coverage([], []))
    assert len(risk_coverage([], []).coverage) == 0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="losses are"):
        risk_coverage([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="not finite"):
        area_under_risk_coverage([np.nan], [1.0])
