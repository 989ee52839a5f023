import json
import math

import pytest
from scipy.stats import binom, binomtest

from framework.stats import Estimate, proportion


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (3, 7), (95, 100), (0, 50), (50, 50)])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_wilsons_interval_is_scipys(successes, n, level):
    ends = binomtest(successes, n).proportion_ci(level, method="wilson")
    found = proportion(successes, n, level)
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high), abs=1e-12)
    assert (found.value, found.n) == (successes / n, n)


@pytest.mark.parametrize("n", [10, 50, 200])
def test_on_average_over_chances_it_covers_at_its_level(n):
    found = [proportion(k, n) for k in range(n + 1)]
    chances = [(i + 0.5) / 200 for i in range(200)]
    covered = [
        sum(binom.pmf(k, n, p) for k, e in enumerate(found) if e.low <= p <= e.high)
        for p in chances
    ]
    assert sum(covered) / len(covered) == pytest.approx(0.95, abs=0.01)


def test_of_nothing_nothing_is_said():
    nothing = proportion(0, 0)
    assert math.isnan(nothing.value)
    assert math.isnan(nothing.low)
    assert json.loads(json.dumps(nothing.json()))["value"] is None


def test_what_is_no_proportion_is_refused():
    with pytest.raises(ValueError, match="5 successes of 4"):
        proportion(5, 4)
    with pytest.raises(ValueError, match="level"):
        proportion(1, 4, level=1.0)


def test_an_estimate_is_plain_numbers():
    estimate = Estimate(0.5, 0.4, 0.6, 10)
    assert estimate.json() == {
        "value": 0.5,
        "low": 0.4,
        "high": 0.6,
        "n": 10,
        "under_calibration": None,
    }
