"""Distances to the nearest examples, against scikit-learn's, and outliers that were planted."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from framework.stats.quality.anomalies import anomalies


def test_distances_are_scikit_learns() -> None:
    random = np.random.default_rng(0)
    known, asked = random.standard_normal((400, 5)), random.standard_normal((50, 5))
    found = anomalies(asked, known, neighbours=7)
    expected = NearestNeighbors(n_neighbors=7).fit(known).kneighbors(asked)[0].mean(axis=1)
    np.testing.assert_allclose(found.distance, expected, rtol=1e-5)
    own = NearestNeighbors(n_neighbors=8).fit(known).kneighbors(known)[0][:, 1:].mean(axis=1)
    np.testing.assert_allclose(anomalies(known, known, neighbours=7).distance, own, rtol=1e-5)
    first, third = np.quantile(np.log(own), (0.25, 0.75))
    assert found.threshold == pytest.approx(np.exp(third + 1.5 * (third - first)), rel=1e-5)


def test_far_from_zero_is_not_imprecise() -> None:
    random = np.random.default_rng(0)
    known = random.standard_normal((400, 5))
    near, far = anomalies(known, known), anomalies(known + 1000, known + 1000)
    np.testing.assert_allclose(far.distance, near.distance, rtol=1e-3)


def test_planted_outliers_come_first() -> None:
    random = np.random.default_rng(0)
    rows = random.standard_normal((2000, 6))
    rows[::200] += 15 * np.sign(random.standard_normal((10, 6)))
    found = anomalies(rows, rows)
    assert sorted(found.ranked[:10].tolist()) == list(range(0, 2000, 200))
    assert len(found.ranked) <= 0.015 * 2000 + 10


def test_few_alarms_among_normal_rows() -> None:
    alarms = [
        len(anomalies(rows, rows).ranked)
        for seed in range(10)
        for rows in [np.random.default_rng(seed).standard_normal((1000, 8))]
    ]
    assert sum(alarms) <= 0.01 * 10_000


def test_a_row_that_is_not_finite_is_the_farthest() -> None:
    rows = np.random.default_rng(0).standard_normal((300, 3))
    rows[17, 1] = np.nan
    found = anomalies(rows, rows)
    assert found.ranked[0] == 17
    assert found.distance[17] == np.inf
    assert found.reference == 299


@pytest.mark.parametrize("rows", [np.random.default_rng(0).random((99, 3)), np.ones((500, 3))])
def test_not_enough_data(rows: np.ndarray) -> None:
    found = anomalies(rows, rows)
    assert np.isnan(found.threshold)
    assert len(found.ranked) == 0


def test_the_reference_is_bounded() -> None:
    rows = np.random.default_rng(0).standard_normal((3000, 4))
    found = anomalies(rows, rows, largest=500)
    assert found.reference == 500
    again = anomalies(rows, rows, largest=500)
    np.testing.assert_array_equal(found.distance, again.distance)


def test_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="but reference rows"):
        anomalies(np.ones((3, 2)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="no examples"):
        anomalies(np.ones((0, 2)), np.ones((3, 2)))
