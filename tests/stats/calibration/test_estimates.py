import json

import numpy as np
import pytest

from framework.stats import (
    calibration_estimates,
    calibration_names,
    class_reliability,
    class_wise_error,
    class_wise_estimate,
    fine_edges,
    reliability_table,
    table_estimates,
)
from framework.stats.calibration import class_wise
from framework.stats.calibration.errors import binned, debiased_calibration_error
from framework.stats.calibration.resampling import calibrated

ECE = "expected_calibration_error"


def draw(rng, n, slope=1.0):
    """Confidences, and outcomes whose log-odds are `slope` times the confidences'."""
    p = rng.beta(4, 1.2, n)
    odds = (p / (1 - p)) ** slope
    return p, rng.random(n) < odds / (1 + odds)


def test_every_error_stands_with_what_a_perfect_model_would_read():
    p = np.random.default_rng(0).beta(4, 1.2, 200)
    rng = np.random.default_rng(1)
    found = table_estimates(reliability_table(p, p > 0.5, fine_edges()), resamples=2000)
    again = [
        reliability_table(p, rng.random(200) < p).expected_calibration_error for _ in range(2000)
    ]
    assert found[ECE].under_calibration == pytest.approx(np.mean(again), abs=0.002)
    assert found[ECE].under_calibration > 0.06  # what 200 examples read at best


def test_the_simulated_value_is_the_closed_form_of_many_examples():
    p = np.repeat([0.21, 0.55, 0.83], 4000)
    found = table_estimates(reliability_table(p, p > 0.5, fine_edges()), resamples=1000)
    # E|Z| = √(2/π) σ of each bin's summed residual.
    closed = np.sqrt(2 / np.pi * np.array([p * (1 - p) * 4000 for p in (0.21, 0.55, 0.83)]))
    assert found[ECE].under_calibration == pytest.approx(closed.sum() / 12_000, rel=0.05)


def test_calibrated_samples_keep_the_confidences():
    table = reliability_table([0.0, 1.0, 0.4, 0.4], [0, 1, 1, 0], fine_edges())
    sums = calibrated(table, 50, seed=0)
    assert (sums.counts == table.counts).all()
    ends = sums.correct[:, [0, -1]]
    assert (ends == [0, 1]).all()  # certainty comes true


# slope, and the truth of each error by 2,000,000 examples of a perfect, an overconfident and
# a far too confident model.
@pytest.mark.parametrize("slope", [1.0, 0.8, 0.4])
def test_intervals_cover_the_error_that_endless_data_would_show(slope):
    table = reliability_table(*draw(np.random.default_rng(9), 2_000_000, slope), fine_edges())
    truth = {
        ECE: table.coarser().expected_calibration_error,
        "equal_mass_calibration_error": table.equal_mass().expected_calibration_error,
        "debiased_calibration_error": float(debiased_calibration_error(binned(table.equal_mass()))),
    }
    if slope == 1:
        truth = dict.fromkeys(truth, 0.0)
    rng = np.random.default_rng(0)
    found = [
        table_estimates(reliability_table(*draw(rng, 500, slope), fine_edges()), resamples=150)
        for _ in range(40)
    ]
    for name, value in truth.items():
        covered = np.mean([e[name].low <= value <= e[name].high for e in found])
        assert covered >= 0.95 - 0.105, name  # three standard errors of 40 samples


def test_the_low_end_is_zero_only_where_the_model_may_be_calibrated():
    rng = np.random.default_rng(0)
    perfect = calibration_estimates(*draw(rng, 5000), resamples=300)
    boastful = calibration_estimates(*draw(rng, 5000, 0.4), resamples=300)
    for name in calibration_names():
        assert perfect[name].low < 0.002, name
        assert perfect[name].value < 2.5 * perfect[name].under_calibration, name
        if name != "maximum_calibration_error":
            assert boastful[name].low > 0.08, name
            assert boastful[name].low < boastful[name].value < boastful[name].high, name
        assert boastful[name].n == 5000
    json.dumps({name: estimate.json() for name, estimate in perfect.items()})


def test_bounds_of_the_largest_gap_hold_whatever_is_in_the_bins():
    one = calibration_estimates([0.9], [1], resamples=10)["maximum_calibration_error"]
    assert one.value == pytest.approx(0.1)
    assert one.low == 0
    # Right once: by Chernoff's bound the accuracy is 0.05 / 2 or more.
    assert one.high == pytest.approx(0.9 - 0.025)
    many = calibration_estimates([0.9] * 4000, [1, 0] * 2000)["maximum_calibration_error"]
    assert 0.35 < many.low < 0.4 < many.high < 0.45


def test_tokens_of_a_row_are_drawn_together():
    rng = np.random.default_rng(0)
    p = np.full((200, 20), 0.8)
    shifted = np.clip(0.7 + 0.2 * rng.normal(size=(200, 1)), 0, 1)  # rows differ, tokens agree
    y = rng.random((200, 20)) < shifted
    rows = np.broadcast_to(np.arange(200)[:, None], p.shape)
    apart = calibration_estimates(p, y, resamples=300)[ECE]
    together = calibration_estimates(p, y, groups=rows, resamples=300)[ECE]
    assert (apart.n, together.n) == (4000, 200)
    assert together.value == apart.value
    assert together.high - together.low > 1.5 * (apart.high - apart.low)
    single = calibration_estimates(p[:, :1], y[:, :1], groups=rows[:, :1], resamples=300)[ECE]
    alone = calibration_estimates(p[:, 0], y[:, 0], resamples=300)[ECE]
    assert (single.low, single.high) == pytest.approx((alone.low, alone.high), abs=0.03)


def test_intervals_of_grouped_tokens_cover():
    rng = np.random.default_rng(0)
    rows = np.repeat(np.arange(100)[:, None], 10, axis=1)
    hits = 0
    for i in range(40):
        p = np.repeat(rng.choice([0.6, 0.75, 0.9], (100, 1)), 10, axis=1)
        chance = np.where(rng.random((100, 1)) < 0.5, p - 0.2, p)  # 0.1 too sure on average
        y = rng.random((100, 10)) < chance
        e = calibration_estimates(p, y, groups=rows, resamples=150, seed=i)[ECE]
        hits += e.low <= 0.1 <= e.high
    assert hits / 40 >= 0.95 - 0.105


def test_what_the_mask_leaves_out_does_not_count():
    rng = np.random.default_rng(0)
    p, y = rng.random((30, 8)), rng.integers(0, 2, (30, 8))
    mask = rng.random((30, 8)) < 0.5
    rows = np.repeat(np.arange(30)[:, None], 8, axis=1)
    inside = calibration_estimates(p, y, mask, resamples=20)
    assert inside == calibration_estimates(p[mask], y[mask], resamples=20)
    p[~mask] = 0.123
    grouped = calibration_estimates(p, y, mask, rows, resamples=20)
    assert grouped == calibration_estimates(p[mask], y[mask], None, rows[mask], resamples=20)


def test_a_merged_table_has_the_estimates_of_all_and_any_number_costs_the_same():
    rng = np.random.default_rng(0)
    p, y = draw(rng, 3000)
    whole = reliability_table(p, y, fine_edges())
    parts = reliability_table(p[2000:], y[2000:], fine_edges()) + reliability_table(
        p[:2000], y[:2000], fine_edges()
    )
    assert table_estimates(parts, resamples=50) == table_estimates(whole, resamples=50)
    for _ in range(14):
        whole = whole + whole
    assert table_estimates(whole, resamples=50)[ECE].n == 3000 * 2**14


def test_nothing_and_a_single_prediction():
    for grouped in (None, np.zeros(0)):
        for estimate in calibration_estimates([], [], groups=grouped).values():
            assert estimate.n == 0
            assert np.isnan([estimate.value, estimate.low, estimate.under_calibration]).all()
    single = calibration_estimates([0.7], [1], resamples=20)
    assert single[ECE].value == pytest.approx(0.3)
    assert np.isnan([single[ECE].low, single[ECE].high]).all()
    assert np.isnan(single["debiased_calibration_error"].value)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("p", "y"),
    [
        ([1.0] * 50, [1] * 50),
        ([0.0] * 50, [0] * 50),
        ([0.0, 1.0] * 50, [1, 0] * 50),
        ([0.5] * 50, [1] * 50),
        ([1 / 3, 2 / 3] * 50, [0, 1] * 50),
        ([0.2, 0.2, 0.9, 0.9], [0, 1, 1, 0]),
        (np.ones(30, np.float16), np.zeros(30, bool)),
    ],
)
def test_constant_tied_certain_and_few_predictions_have_numbers_in_range(p, y):
    for groups in (None, np.arange(len(p)) % 5):
        for name, e in calibration_estimates(p, y, groups=groups, resamples=50).items():
            assert 0 <= e.value <= 1 + 1e-9, name
            assert 0 <= e.low <= e.high <= 1 + 1e-9, name
            assert 0 <= e.under_calibration <= 1, name


def test_class_wise_by_its_tables_with_rows_drawn_whole():
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(5), 2000)
    y = (p.cumsum(axis=1) > rng.random((2000, 1))).argmax(axis=1)
    perfect = class_wise_estimate(p, y, resamples=200)
    assert perfect.low < 0.002
    assert perfect.value == pytest.approx(perfect.under_calibration, rel=0.3)
    sharp = p**2 / (p**2).sum(axis=1, keepdims=True)
    boastful = class_wise_estimate(sharp, y, resamples=200)
    assert boastful.under_calibration < boastful.low < boastful.value < boastful.high
    assert np.isnan(class_wise_estimate(np.zeros((0, 3)), np.zeros(0, int)).value)


def test_many_rows_are_resampled_in_parts_with_the_interval_of_rows(monkeypatch):
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(3), 6000)
    y = np.where(rng.random(6000) < 0.2, 0, (p.cumsum(1) > rng.random((6000, 1))).argmax(1))
    parts = class_wise_estimate(p, y, resamples=400)
    monkeypatch.setattr(class_wise, "_PARTS", 6000)
    rows = class_wise_estimate(p, y, resamples=400)
    assert parts.value == rows.value == pytest.approx(class_wise_error(class_reliability(p, y)))
    assert parts.high - parts.low == pytest.approx(rows.high - rows.low, rel=0.15)
    assert parts.low == pytest.approx(rows.low, rel=0.05)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="outside 0 to 2"):
        class_wise_estimate(np.full((2, 3), 1 / 3), [0, 3])
    with pytest.raises(ValueError, match="groups are"):
        calibration_estimates([0.5, 0.5], [0, 1], groups=[1])
    with pytest.raises(ValueError, match="not 0"):
        table_estimates(reliability_table([0.5], [1], fine_edges()), resamples=0)
    with pytest.raises(ValueError, match="level"):
        calibration_estimates([0.5, 0.4], [1, 0], level=2, resamples=5)
    with pytest.raises(ValueError, match="edge is missing"):
        calibration_estimates([0.5, 0.4], [1, 0], bins=17, resamples=5)
