import json

import numpy as np
import pytest
from sklearn.metrics import pairwise

from framework.stats.drift import maximum_mean_discrepancy


def test_by_loops_and_scikit_learn():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 3)), rng.normal(0.5, 1, (9, 3))
    both = np.concatenate([x, y])
    distances = pairwise.euclidean_distances(both)
    bandwidth = np.median(distances[np.triu_indices(21, 1)])
    k = pairwise.rbf_kernel(both, gamma=1 / (2 * bandwidth**2))
    first = np.mean([k[i, j] for i in range(12) for j in range(12) if i != j])
    second = np.mean([k[i, j] for i in range(12, 21) for j in range(12, 21) if i != j])
    found = maximum_mean_discrepancy(x, y)
    assert found.bandwidth == pytest.approx(bandwidth)
    assert found.value == pytest.approx(first + second - 2 * k[:12, 12:].mean())


def test_without_drift_alarms_come_at_the_promised_rate_and_the_mean_is_nothing():
    rng = np.random.default_rng(1)
    found = [
        maximum_mean_discrepancy(
            rng.normal(size=(40, 4)), rng.normal(size=(30, 4)), permutations=99
        )
        for _ in range(300)
    ]
    rate = np.mean([f.p_value <= 0.05 for f in found])
    assert 0.01 < rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    values = [f.value for f in found]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(300)


def test_a_shift_and_another_spread_are_found_on_a_subsample_of_many_rows():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(20_000, 16)).astype(np.float32)
    assert maximum_mean_discrepancy(x, x[::2] + 0.3, largest=300).p_value <= 0.01
    wider = maximum_mean_discrepancy(x, 1.5 * x[::2], largest=300)
    assert wider.p_value <= 0.01
    assert wider.rows == (300, 300)
    assert wider == maximum_mean_discrepancy(x, 1.5 * x[::2], largest=300)
    assert json.loads(json.dumps(wider.json()))["rows"] == [300, 300]


def test_equal_rows_are_no_drift():
    same = maximum_mean_discrepancy(np.ones((20, 2)), np.ones((10, 2)))
    assert same.value == pytest.approx(0)
    assert same.p_value == 1
    mostly = np.concatenate([np.ones((19, 2)), np.zeros((1, 2))])
    assert maximum_mean_discrepancy(mostly, np.zeros((10, 2))).p_value < 0.01


def test_what_has_no_distance_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        maximum_mean_discrepancy([[1.0], [np.nan]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="of 1 and of 2 columns"):
        maximum_mean_discrepancy([[1.0]] * 2, [[1.0, 2.0]] * 2)
    with pytest.raises(ValueError, match="two rows or more"):
        maximum_mean_discrepancy([[1.0]], [[1.0]] * 2)
