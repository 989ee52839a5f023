import numpy as np
import pytest

from framework.stats import fine_edges, reliability_table, smooth_calibration_error


def draw(n, power, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(3, 1.2, n)
    return p, (rng.random(n) < p**power).astype(float)


def found(p, y):
    return smooth_calibration_error(reliability_table(p, y, fine_edges()))


def by_quadrature(p, y):
    """The definition in loops: images of each residual beyond 0 and 1, a fine grid, a bisection."""
    t = (np.arange(2000) + 0.5) / 2000

    def error(width):
        smoothed = np.zeros(len(t))
        for image in (-4, -2, 0, 2, 4):
            for at in (p + image, -p + image):
                z = (t[:, None] - at) / width
                smoothed += (np.exp(-z * z / 2) @ (y - p)) / width / np.sqrt(2 * np.pi)
        return np.abs(smoothed / len(p)).mean()

    low, high = 1e-3, 1.0
    for _ in range(14):
        middle = (low + high) / 2
        low, high = (middle, high) if error(middle) > middle else (low, middle)
    return error(high)


@pytest.mark.parametrize("power", [1, 1.5, 4])
def test_it_is_the_definition(power):
    p, y = draw(60, power)
    assert found(p, y) == pytest.approx(by_quadrature(p, y), abs=1.5e-3)


@pytest.mark.parametrize("power", [1, 1.5, 4])
@pytest.mark.parametrize("n", [50, 5000])
def test_it_is_relplots(power, n):
    relplot = pytest.importorskip("relplot")
    p, y = draw(n, power)
    assert found(p, y) == pytest.approx(relplot.smECE(p, y), abs=2e-3)


def test_a_constant_confidence_errs_by_its_gap_and_zero_and_one_by_theirs():
    # A residual r at one place, smoothed by a kernel of mass 1, is |r| at any bandwidth.
    assert found(np.full(100, 0.7), np.repeat([0, 1], [60, 40])) == pytest.approx(0.3, abs=1e-6)
    assert found([0.0] * 4, [1, 0, 0, 0]) == pytest.approx(0.25, abs=1e-6)
    assert found([1.0] * 4, [1, 0, 0, 0]) == pytest.approx(0.75, abs=1e-6)
    assert found([0.0, 1.0], [0, 1]) == 0


def test_it_hardly_moves_where_binned_errors_jump():
    # Right half of the time just below 0.5, and just above: whichever side of an edge.
    y = np.tile([0, 1], 500)
    below, above = np.tile([0.4999, 0.5001], 500), np.tile([0.5001, 0.4999], 500)
    assert found(below, y) == pytest.approx(found(above, y), abs=1e-3)
    jump = [reliability_table(p, y, 10).expected_calibration_error for p in (below, above)]
    assert min(jump) > 0.4


def test_nothing_has_no_error_and_a_million_have_theirs():
    assert np.isnan(found([], []))
    p, y = draw(1_000_000, 1)
    assert found(p, y) < 0.004
