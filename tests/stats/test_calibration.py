import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.stats import ReliabilityTable, label_reliability, reliability_table

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


@given(confidences, st.integers(0, 60), st.integers(0, 99))
def test_tables_of_two_shards_add_up_to_the_table_of_all(values, cut, seed):
    correct = np.random.default_rng(seed).integers(0, 2, len(values))
    whole = reliability_table(values, correct)
    parts = reliability_table(values[:cut], correct[:cut]) + reliability_table(
        values[cut:], correct[cut:]
    )
    np.testing.assert_array_equal(parts.counts, whole.counts)
    np.testing.assert_allclose(parts.confidence, whole.confidence)
    np.testing.assert_array_equal(parts.correct, whole.correct)
    assert parts.expected_calibration_error == pytest.approx(whole.expected_calibration_error)


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
    other = ReliabilityTable(np.zeros(3, np.int64), np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="15 and 3 bins"):
        reliability_table([0.1], [1]) + other
