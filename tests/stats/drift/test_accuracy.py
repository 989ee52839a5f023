import json

import numpy as np
import pytest

from framework.stats.drift import confidence_accuracy, confidence_threshold, thresholded_accuracy


def calibrated(rng, n, a=3, b=1):
    confidence = rng.beta(a, b, n)
    return confidence, rng.random(n) < confidence


def test_mean_confidence_by_hand():
    found = confidence_accuracy([0.9, 0.5, 1.0])
    assert found.accuracy == pytest.approx(0.8)
    assert found.interval[0] == pytest.approx(0.8 - 1.959964 * np.sqrt(0.09 + 0.25) / 3)
    assert found.interval[1] == 1


@pytest.mark.parametrize("shape", [(3, 1), (1, 3), (8, 1)])
def test_intervals_hold_the_accuracy_of_calibrated_rows_at_their_rate(shape):
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        confidence, correct = calibrated(rng, 200, *shape)
        low, high = confidence_accuracy(confidence).interval
        held.append(low <= correct.mean() <= high)
    assert 0.95 - 3 * np.sqrt(0.95 * 0.05 / 400) - 0.01 < np.mean(held) < 0.99


def test_a_threshold_leaves_as_many_below_it_as_are_wrong():
    rng = np.random.default_rng(1)
    confidence, correct = calibrated(rng, 1000)
    threshold = confidence_threshold(confidence, correct)
    assert np.mean(confidence >= threshold.value) == pytest.approx(correct.mean(), abs=0.001)
    assert thresholded_accuracy(confidence, threshold).accuracy == pytest.approx(correct.mean())


def test_thresholded_confidence_without_drift_holds_the_accuracy_at_its_rate():
    rng = np.random.default_rng(2)
    held = []
    for _ in range(400):
        threshold = confidence_threshold(*calibrated(rng, 500))
        confidence, _ = calibrated(rng, 300)
        low, high = thresholded_accuracy(confidence, threshold).interval
        held.append(low <= 0.75 <= high)  # the mean of beta(3, 1)
    assert np.mean(held) > 0.93


def test_both_fall_as_rows_become_harder():
    rng = np.random.default_rng(3)
    threshold = confidence_threshold(*calibrated(rng, 2000, 6, 1))
    easy, hard = (calibrated(rng, 2000, a, 1)[0] for a in (6, 1.5))
    for estimate in (confidence_accuracy, lambda c: thresholded_accuracy(c, threshold)):
        assert estimate(hard).interval[1] < estimate(easy).interval[0]


@pytest.mark.parametrize(("correct", "share"), [([0, 0, 0], 0.0), ([1, 1, 1], 1.0)])
def test_nothing_and_everything_right(correct, share):
    threshold = confidence_threshold([0.5, 0.5, 0.9], correct)
    found = thresholded_accuracy([0.5, 0.7, 0.9], threshold)
    assert found.accuracy == share
    json.dumps([threshold.json(), found.json()], allow_nan=False)


def test_no_rows_are_nan_and_null():
    threshold = confidence_threshold([0.5], [1])
    for found in (confidence_accuracy([]), thresholded_accuracy([], threshold)):
        assert np.isnan(found.accuracy)
        assert found.json()["accuracy"] is None
        assert found.json()["interval"] is None


def test_what_is_no_confidence_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        confidence_accuracy([1.2])
    with pytest.raises(ValueError, match="NaN"):
        confidence_accuracy([np.nan])
    with pytest.raises(ValueError, match="of shape"):
        confidence_accuracy([[0.5]])
    with pytest.raises(ValueError, match="needs rows"):
        confidence_threshold([], [])
