import numpy as np
import pytest

from framework.stats import (
    class_reliability,
    class_wise_error,
    fine_edges,
    label_reliability,
    reliability_table,
)
from framework.stats.calibration import (
    debiased_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
)
from framework.stats.calibration.errors import binned, debiased_square


def draw(n, seed=0, power=1.5):
    """Confidences and outcomes of a model surer than it should be."""
    rng = np.random.default_rng(seed)
    p = rng.beta(4, 1.5, n)
    return p, (rng.random(n) < p**power).astype(int)


def test_by_hand():
    # (0.8, 1]: three of 0.9, one right. (0.4, 0.6]: two of 0.5, both right. (0, 0.2]: one of 0.
    table = reliability_table([0.9, 0.9, 0.9, 0.5, 0.5, 0.0], [1, 0, 0, 1, 1, 0], bins=5)
    high, middle = 0.9 - 1 / 3, 0.5
    sums = binned(table)
    assert expected_calibration_error(sums) == pytest.approx((3 * high + 2 * middle) / 6)
    assert maximum_calibration_error(sums) == pytest.approx(high)
    noise = (1 / 3) * (2 / 3) / 2
    assert debiased_square(sums) == pytest.approx((3 * (high**2 - noise) + 2 * middle**2) / 6)
    assert debiased_calibration_error(sums) == pytest.approx(np.sqrt(debiased_square(sums)))


@pytest.mark.parametrize("n", [30, 1000])
def test_they_are_those_of_uncertainty_calibration(n):
    calibration = pytest.importorskip("calibration")
    p, y = draw(n)
    sums = binned(reliability_table(p, y, 10))
    bins = list((np.arange(10) + 1) / 10)
    theirs = calibration.unbiased_square_ce(
        [list(zip(p[b], y[b], strict=True)) for b in parts(p, bins) if b.any()]
    )
    assert debiased_square(sums) == pytest.approx(theirs, abs=1e-9)
    ece = calibration.get_ece(np.stack([1 - p, p], axis=1), y, num_bins=10)
    top = label_reliability(np.stack([1 - p, p], axis=1), y, 10)
    assert top.expected_calibration_error == pytest.approx(ece, abs=1e-9)


def parts(p, upper):
    return [(p > u - 0.1) & (p <= u) for u in upper]


def test_debiasing_takes_the_noise_out_on_average():
    rng = np.random.default_rng(0)
    p = np.repeat([0.55, 0.65, 0.75, 0.85], 25)  # constant in each bin: no bias at all
    y = rng.random((3000, 100)) < p - 0.05
    squares = [float(debiased_square(binned(reliability_table(p, row, 10)))) for row in y]
    error = np.std(squares) / np.sqrt(3000)
    assert np.mean(squares) == pytest.approx(0.05**2, abs=4 * error)
    assert min(squares) < 0


def test_stacks_of_tables_are_read_at_once():
    tables = [reliability_table(*draw(200, seed)) for seed in range(3)]
    stack = type(binned(tables[0]))(*np.stack([binned(t) for t in tables], axis=1))
    for error in (expected_calibration_error, maximum_calibration_error, debiased_square):
        np.testing.assert_array_equal(error(stack), [error(binned(t)) for t in tables])


def test_what_is_not_defined_is_nan():
    empty, single = binned(reliability_table([], [])), binned(reliability_table([0.4], [1]))
    assert np.isnan(expected_calibration_error(empty))
    assert np.isnan(maximum_calibration_error(empty))
    assert np.isnan(debiased_square(empty))
    assert np.isnan(debiased_square(single))  # one prediction says nothing of its noise
    assert np.isnan(debiased_calibration_error(single))
    assert maximum_calibration_error(single) == pytest.approx(0.6)
    assert np.isnan(class_wise_error([]))


def test_class_wise_is_the_mean_over_classes_by_hand():
    p = np.array([[0.7, 0.3], [0.7, 0.3], [0.1, 0.9]])
    tables = class_reliability(p, [0, 1, 1], bins=10)
    each = (2 * abs(0.5 - 0.7) + abs(0 - 0.1)) / 3, (2 * abs(0.5 - 0.3) + abs(1 - 0.9)) / 3
    assert class_wise_error(tables) == pytest.approx(np.mean(each))


def test_a_class_that_never_occurs_costs_the_probability_it_was_given():
    p = np.full((50, 4), [0.5, 0.25, 0.25, 0.0])
    found = [t.expected_calibration_error for t in class_reliability(p, [0] * 50)]
    assert found == pytest.approx([0.5, 0.25, 0.25, 0])


def test_certainty_that_is_right_has_no_error_and_certainty_that_is_wrong_has_all():
    for edges in (15, fine_edges()):
        right = binned(reliability_table([0.0, 1.0], [0, 1], edges))
        wrong = binned(reliability_table([0.0, 1.0], [1, 0], edges))
        assert expected_calibration_error(right) == 0 == maximum_calibration_error(right)
        assert expected_calibration_error(wrong) == 1 == maximum_calibration_error(wrong)
