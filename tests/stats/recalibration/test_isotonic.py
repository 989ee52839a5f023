import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax
from sklearn.isotonic import IsotonicRegression

from framework.stats import IsotonicCalibration, label_reliability
from tests.stats.recalibration.models import model


def scikit_learns(p, labels, shown):
    shares = [
        IsotonicRegression(out_of_bounds="clip").fit(p[:, k], labels == k).predict(shown[:, k])
        for k in range(p.shape[1])
    ]
    shaped = np.stack(shares, axis=1)
    total = shaped.sum(axis=1, keepdims=True)
    return np.where(total > 0, shaped / np.where(total > 0, total, 1), 1 / p.shape[1])


@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_it_is_scikit_learns_one_against_the_rest(decimals):
    logits, labels = model(400, 2.5, classes=4)
    p = np.round(np.exp(log_softmax(logits, axis=1)), decimals) + 1e-3
    p /= p.sum(axis=1, keepdims=True)
    shown = np.random.default_rng(5).dirichlet(np.ones(4), 200)
    ours = IsotonicCalibration.fit(np.log(p), labels).apply(np.log(shown))
    p, shown = (np.exp(np.round(np.log(x), 6)) for x in (p, shown))
    np.testing.assert_allclose(ours, scikit_learns(p, labels, shown), atol=1e-9)


def test_what_ties_in_float32_stays_tied():
    p = np.random.default_rng(0).choice([0.1, 0.2, 0.3, 0.6], (1000, 3)).astype(np.float32)
    p /= p.sum(axis=1, keepdims=True)
    fitted = IsotonicCalibration.fit(np.log(p), np.arange(1000) % 3)
    at = np.array(fitted.curves[0][0])
    assert (np.diff(at) > 1e-6 * at[1:]).all()
    assert len(at) <= len(np.unique(np.round(np.float64(p[:, 0]), 6)))


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.8]), st.integers(0, 1)), min_size=1))
def test_curves_rise_and_keep_the_share_of_the_class(rows):
    p, y = map(np.array, zip(*rows, strict=True))
    fitted = IsotonicCalibration.fit(np.log(np.stack([1 - p, p], axis=1)), y)
    at, share = map(np.array, fitted.curves[1])
    assert (np.diff(at) > 0).all()
    assert (np.diff(share) >= 0).all()
    assert np.interp(p, at, share).sum() == pytest.approx(y.sum())


def test_by_hand():
    p = np.array([0.1, 0.4, 0.6, 0.9])
    fitted = IsotonicCalibration.fit(np.log(np.stack([1 - p, p], axis=1)), [0, 1, 0, 1])
    at, share = fitted.curves[1]
    assert at == pytest.approx((0.1, 0.4, 0.6, 0.9), rel=1e-6)
    assert share == (0, 0.5, 0.5, 1)
    found = fitted.apply(np.log([[0.75, 0.25], [0.5, 0.5], [0.01, 0.99]]))[:, 1]
    np.testing.assert_allclose(found, [0.25, 0.5, 1], rtol=1e-5)


def test_it_calibrates_fresh_rows():
    fitted = IsotonicCalibration.fit(*model(20_000, 2.5))
    logits, labels = model(20_000, 2.5, seed=1)
    before = label_reliability(np.exp(log_softmax(logits, axis=1)), labels)
    after = label_reliability(fitted.apply(logits), labels)
    assert before.expected_calibration_error > 0.15
    assert after.expected_calibration_error < 0.02


def test_a_row_whose_curves_are_all_zero_gets_equal_probabilities():
    # The second class never occurs, and the first only above 0.8.
    p = np.array([[0.9, 0.05, 0.05], [0.1, 0.1, 0.8]])
    fitted = IsotonicCalibration.fit(np.log(p), [0, 2])
    np.testing.assert_allclose(fitted.apply(np.log([[0.05, 0.9, 0.05]])), [[1 / 3] * 3])


def test_it_comes_back_from_json_and_refuses_other_classes():
    fitted = IsotonicCalibration.fit(*model(200))
    assert IsotonicCalibration.from_json(json.loads(json.dumps(fitted.json()))) == fitted
    with pytest.raises(ValueError, match="2 classes, but it was fitted on 5"):
        fitted.apply([[0.0, 0.0]])
    assert len(IsotonicCalibration.fit(*model(1)).curves) == 5
