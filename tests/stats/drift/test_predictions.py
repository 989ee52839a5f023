import json

import numpy as np
import pytest
from scipy import stats
from scipy.special import softmax

from framework.stats.drift import (
    Categories,
    class_shift,
    drift,
    prediction_columns,
    prediction_profile,
)


def outputs(rng, n, tilt=0.0, temperature=1.0):
    logits = rng.normal(size=(n, 4))
    logits[:, 0] += tilt
    return softmax(2 * logits / temperature, axis=1)


def test_confidence_and_classes_drift_apart_from_each_other():
    rng = np.random.default_rng(0)
    reference = prediction_profile(outputs(rng, 5000), rng.integers(0, 4, 5000))
    assert list(reference) == ["confidence", "predicted", "label"]

    def found(probabilities):
        labels = rng.integers(0, 4, len(probabilities))
        current = reference.count(prediction_columns(probabilities, labels))
        return set(drift(reference, current).alarms)

    assert found(outputs(rng, 2000)) == set()
    assert found(outputs(rng, 2000, temperature=3)) == {"confidence"}
    assert "predicted" in found(outputs(rng, 2000, tilt=1.0))


def test_classes_never_predicted_are_known():
    table = prediction_profile([[0.9, 0.1, 0.0]] * 20).tables["predicted"]
    assert table.counts.tolist() == [20, 0, 0]


def test_residuals_by_hand_and_scipy():
    reference = Categories.of(np.repeat([0, 1, 2], [60, 60, 80]))
    current = reference.count(np.repeat([0, 1, 2], [40, 30, 30]))
    found = class_shift(reference, current)
    table = np.stack([reference.counts, current.counts])
    result = stats.chi2_contingency(table, correction=False)
    assert (found.chi_squared, found.p_value) == pytest.approx((result.statistic, result.pvalue))
    # Class 0: 40 seen, 100 / 3 expected, √(33.3 · (2/3) · (2/3)) the deviation.
    assert found.residuals[0] == pytest.approx((40 - 100 / 3) / np.sqrt(100 / 3 * 2 / 3 * 2 / 3))
    assert found.reference == (0.3, 0.3, 0.4)


def test_residuals_without_drift_are_standard_normal():
    rng = np.random.default_rng(1)
    share = [0.1, 0.2, 0.3, 0.4]
    residuals = []
    for _ in range(300):
        reference = Categories.of(rng.choice(4, 500, p=share), known=range(4))
        current = reference.count(rng.choice(4, 300, p=share))
        residuals.append(class_shift(reference, current).residuals)
    assert np.mean(residuals) == pytest.approx(0, abs=0.1)
    assert np.std(residuals) == pytest.approx(1, abs=0.1)


def test_unseen_unknown_and_empty():
    reference = Categories.of(np.repeat([0, 1], 50), known=range(3))
    current = reference.count(np.repeat([0, 7], [30, 30]))
    found = class_shift(reference, current)
    assert found.unknown == 30
    assert found.p_value < 0.001
    assert np.isnan(found.residuals[2])
    empty = class_shift(reference, reference.count([]))
    assert np.isnan(empty.p_value)
    back = json.loads(json.dumps(empty.json(), allow_nan=False))
    assert back["p_value"] is None
    assert back["residuals"] == [None] * 3


def test_one_class_is_no_drift():
    one = Categories.of([1] * 40)
    assert class_shift(one, one.count([1] * 20)).p_value == 1
