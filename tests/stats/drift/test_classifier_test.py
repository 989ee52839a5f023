import json

import numpy as np
import pytest
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from framework.stats.drift import classifier_two_sample_test
from framework.stats.drift.classifier_test import held_out_logits


def test_the_discriminant_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(5, [1, 10, 0.1], (200, 3)), np.tile([-1.0, 1.0], 100)[:, None]
    rows[1::2, 0] += 1
    model = make_pipeline(StandardScaler(), Ridge(alpha=1.0)).fit(rows[:150], labels[:150, 0])
    ours = held_out_logits(rows[:150], labels[:150], rows[150:])[:, 0]
    np.testing.assert_allclose(ours, model.predict(rows[150:]), atol=1e-9)
    discriminant = LinearDiscriminantAnalysis().fit(rows[:150], labels[:150, 0])
    same = np.sign(ours) == discriminant.predict(rows[150:])
    assert same.all()


@pytest.mark.parametrize(("rows", "columns"), [(60, 5), (60, 40)])
def test_without_drift_alarms_come_at_the_promised_rate(rows, columns):
    rng = np.random.default_rng(1)
    found = [
        classifier_two_sample_test(*rng.normal(size=(2, rows, columns)), permutations=99)
        for _ in range(300)
    ]
    rate = np.mean([f.p_value <= 0.05 for f in found])
    assert 0.01 < rate < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert np.mean([f.area_under_roc for f in found]) == pytest.approx(0.5, abs=0.01)
    assert np.mean([f.interval[0] <= 0.5 <= f.interval[1] for f in found]) > 0.91


def test_a_shifted_mean_is_found_with_the_accuracy_the_shift_allows():
    rng = np.random.default_rng(2)
    found = classifier_two_sample_test(
        rng.normal(size=(3000, 8)), rng.normal(size=(3000, 8)) + np.eye(8)[0]
    )
    assert found.rows == 2000
    assert found.p_value == 1 / 500
    assert found.interval[0] < stats.norm.cdf(0.5) < found.interval[1] + 0.01
    assert found.area_under_roc == pytest.approx(stats.norm.cdf(1 / np.sqrt(2)), abs=0.02)
    assert json.loads(json.dumps(found.json()))["rows"] == 2000


def test_separable_and_equal_rows():
    apart = classifier_two_sample_test(np.zeros((50, 2)), np.ones((50, 2)))
    assert (apart.accuracy, apart.area_under_roc) == (1, 1)
    same = classifier_two_sample_test(np.ones((50, 2)), np.ones((40, 2)))
    assert same.accuracy == 0.5
    assert same.p_value > 0.5


def test_more_columns_than_rows_are_no_trouble():
    rng = np.random.default_rng(3)
    found = classifier_two_sample_test(rng.normal(size=(20, 60)), rng.normal(size=(20, 60)))
    assert 0.2 < found.accuracy < 0.8


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="5 folds of 3 rows"):
        classifier_two_sample_test(np.zeros((3, 2)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match="NaN"):
        classifier_two_sample_test(np.full((9, 2), np.nan), np.zeros((9, 2)))
