from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.stats import (
    ReliabilityTable,
    brier_parts,
    class_reliability,
    fine_edges,
    label_reliability,
    reliability_table,
    smooth_calibration_error,
)
from framework.stats.calibration import table as table_module
from framework.stats.calibration.table import UNIT

confidences = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def test_zero_and_one_fall_into_the_outer_bins_and_an_edge_into_the_bin_below():
    table = reliability_table([0.0, 1.0, 0.5, 0.2, 0.2000001], [0, 1, 1, 0, 0], bins=10)
    assert table.counts.tolist() == [1, 1, 1, 0, 1, 0, 0, 0, 0, 1]
    assert table.accuracy[-1] == 1
    assert np.isnan(table.accuracy[3])
    assert table.edges[[0, -1]].tolist() == [0, 1]


@given(confidences, st.integers(1, 20))
def test_every_prediction_is_in_the_bin_whose_bounds_hold_it(values, bins):
    for value in values:
        table = reliability_table([value], [1], bins)
        (index,) = np.flatnonzero(table.counts)
        above = table.edges[index] < value or (index == 0 and value == 0)
        assert above and value <= table.edges[index + 1]  # noqa: PT018


@given(
    st.lists(st.floats(0, 1, width=32) | st.sampled_from([0.0, 1.0, 0.5, 1 / 3]), max_size=40),
    st.randoms(use_true_random=False),
)
def test_tables_of_any_parts_in_any_order_add_up_to_the_table_of_all_bit_for_bit(values, random):
    rows = [(value, random.randrange(2)) for value in values]
    whole = table_of(rows)
    random.shuffle(rows)
    parts = [[] for _ in range(4)]
    for row in rows:
        random.choice(parts).append(row)
    merged = sum((table_of(part) for part in parts[1:]), table_of(parts[0]))
    for field in fields(ReliabilityTable):
        np.testing.assert_array_equal(getattr(merged, field.name), getattr(whole, field.name))
    assert repr(merged.expected_calibration_error) == repr(whole.expected_calibration_error)
    assert repr(smooth_calibration_error(merged)) == repr(smooth_calibration_error(whole))
    assert repr(brier_parts(merged)) == repr(brier_parts(whole))
    np.testing.assert_array_equal(merged.equal_mass(5).edges, whole.equal_mass(5).edges)


def table_of(rows):
    return reliability_table([p for p, _ in rows], [y for _, y in rows], fine_edges())


def test_whole_multiples_move_a_mean_by_half_a_unit_at_most():
    rng = np.random.default_rng(0)
    p = rng.random(10_000)
    table = reliability_table(p, p > 2, bins=1)
    assert abs(table.mean_confidence[0] - p.mean()) <= UNIT / 2 + 1e-16
    assert abs(table.square_units[0] * UNIT / 10_000 - np.square(p).mean()) <= UNIT / 2 + 1e-16


@pytest.mark.parametrize("bins", [1, 10, 12, 15, 20, 100])
def test_a_fine_table_made_coarse_is_the_coarse_table(bins):
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(5000), np.arange(1201) / 1200, [1 - 2**-20, 2**-30]])
    y = rng.integers(0, 2, len(p))
    fine, coarse = (
        reliability_table(p, y, fine_edges()).coarser(bins),
        reliability_table(p, y, bins),
    )
    for field in fields(ReliabilityTable):
        np.testing.assert_array_equal(getattr(fine, field.name), getattr(coarse, field.name))


def test_bins_of_equal_mass_hold_equally_many_and_ties_stay_together():
    p = np.random.default_rng(0).random(15_000)
    even = reliability_table(p, p > 0.5, fine_edges()).equal_mass(15)
    assert len(even.counts) == 15
    assert np.abs(even.counts - 1000).max() < 60  # a cell holds a 1200th
    tied = table_of([(0.7, 1)] * 90 + [(0.2, 0)] * 5 + [(0.9, 1)] * 5).equal_mass(4)
    assert tied.counts.tolist() == [5, 90, 5]
    assert table_of([(0.3, 1)] * 8).equal_mass(4).counts.tolist() == [8]
    assert table_of([]).equal_mass(4).counts.tolist() == [0]
    sure = table_of([(1 - 10.0**-k, 1) for k in range(1, 7) for _ in range(10)]).equal_mass(6)
    assert sure.counts.tolist() == [10] * 6  # the cells near 1 are finer than a 1200th


def test_only_what_the_mask_keeps_counts():
    p = np.array([[0.2, np.nan], [0.9, 0.4]])
    table = reliability_table(np.nan_to_num(p), np.ones((2, 2)), mask=~np.isnan(p))
    assert table.counts.sum() == 3
    nothing = reliability_table(np.ones((2, 2)), np.ones((2, 2)), mask=np.zeros((2, 2)))
    assert np.isnan(nothing.expected_calibration_error)


def test_a_million_rows_at_a_time_or_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    p = rng.random(1_000_000, dtype=np.float32)
    whole = reliability_table(p, p > 0.5, fine_edges())
    monkeypatch.setattr(table_module, "_ROWS", 123_457)
    parts = reliability_table(p, p > 0.5, fine_edges())
    np.testing.assert_array_equal(whole.square_units, parts.square_units)
    assert whole.counts.sum() == 1_000_000


def test_more_predictions_than_the_sums_hold_are_refused():
    one = reliability_table([1.0], [1], bins=1)
    many = replace(one, counts=np.array([2**33 - 1]))
    with pytest.raises(ValueError, match="2³³"):
        many + one


def test_a_table_for_each_class():
    p = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    tables = class_reliability(p, [0, 2], bins=10)
    assert [t.correct.sum() for t in tables] == [1, 0, 1]
    assert [t.confidence.sum() for t in tables] == pytest.approx([1.0, 0.5, 0.5])


def test_error_by_hand():
    # Bin (0.8, 1]: three predictions of 0.9, one right. Bin (0.4, 0.6]: one of 0.5, right.
    table = reliability_table([0.9, 0.9, 0.9, 0.5], [1, 0, 0, 1], bins=5)
    expected = 3 / 4 * abs(1 / 3 - 0.9) + 1 / 4 * abs(1 - 0.5)
    assert table.expected_calibration_error == pytest.approx(expected)


def test_a_calibrated_model_has_nearly_no_error_and_a_boastful_one_has_its_excess():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0, 1, 100_000)
    honest = reliability_table(confidence, rng.random(100_000) < confidence)
    assert honest.expected_calibration_error < 0.01
    boastful = reliability_table(np.full(10_000, 0.95), rng.random(10_000) < 0.75)
    assert boastful.expected_calibration_error == pytest.approx(0.2, abs=0.02)


def test_a_classifier_is_judged_by_its_largest_probability():
    probabilities = np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]])
    table = label_reliability(probabilities, [0, 0, 0], bins=10)
    assert table.counts.sum() == 3
    assert table.correct.sum() == 2
    assert table.confidence.sum() == pytest.approx(2.2)


def test_an_empty_table_adds_nothing_and_has_no_error():
    empty = reliability_table([], [])
    assert np.isnan(empty.expected_calibration_error)
    table = reliability_table([0.3], [1])
    assert (empty + table).expected_calibration_error == table.expected_calibration_error


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan])
def test_what_is_no_confidence_is_refused(bad):
    with pytest.raises(ValueError, match="between 0 and 1"):
        reliability_table([bad], [1])


def test_shapes_and_bins_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="outcomes"):
        reliability_table([0.1, 0.2], [1])
    with pytest.raises(ValueError, match="not 0"):
        reliability_table([0.1], [1], bins=0)
    with pytest.raises(ValueError, match="15 and 3 bins"):
        reliability_table([0.1], [1]) + reliability_table([0.1], [1], bins=3)
    with pytest.raises(ValueError, match="different edges"):
        reliability_table([0.1], [1], bins=2) + reliability_table([0.1], [1], np.array([0, 0.3, 1]))
    with pytest.raises(ValueError, match="rise from 0 to 1"):
        reliability_table([0.1], [1], np.array([0, 0.5]))
    with pytest.raises(ValueError, match="mask"):
        reliability_table([0.1], [1], mask=[True, False])
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        reliability_table([0.1], [0.5])
    with pytest.raises(ValueError, match="edge is missing"):
        reliability_table([0.1], [1]).coarser(10)
    with pytest.raises(ValueError, match="not 0"):
        reliability_table([0.1], [1]).equal_mass(0)
