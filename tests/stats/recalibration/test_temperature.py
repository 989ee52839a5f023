import json

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from framework.stats import TemperatureScaling, log_losses
from framework.stats.recalibration.temperature import COLDEST, HOTTEST
from tests.stats.recalibration.models import model


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_it_finds_the_temperature_a_model_was_heated_by(temperature):
    logits, labels = model(20_000, temperature)
    fitted = TemperatureScaling.fit(log_softmax(logits, axis=1), labels)
    assert fitted.temperature == pytest.approx(temperature, rel=0.05)


def test_it_is_the_least_log_loss_as_scipy_finds_it():
    logits, labels = model(300, 1.7)

    def loss(temperature):
        logs = log_softmax(logits / temperature, axis=1)
        return -logs[np.arange(300), labels].mean()

    best = minimize_scalar(loss, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-10})
    fitted = TemperatureScaling.fit(logits, labels)
    assert fitted.temperature == pytest.approx(best.x, abs=1e-5)
    assert log_losses(fitted.apply(logits), labels).mean() == pytest.approx(best.fun, abs=1e-9)


def test_logits_and_log_probabilities_are_one_and_no_prediction_changes():
    logits, labels = model(500, 3.0)
    logs = log_softmax(logits, axis=1)
    by_logits, by_logs = (TemperatureScaling.fit(x, labels) for x in (logits, logs))
    assert by_logits.temperature == pytest.approx(by_logs.temperature)
    np.testing.assert_allclose(by_logits.apply(logits), by_logs.apply(logs))
    np.testing.assert_array_equal(by_logs.apply(logs).argmax(axis=1), logits.argmax(axis=1))
    np.testing.assert_allclose(by_logs.apply(logs).sum(axis=1), 1)


def test_labels_that_are_always_or_never_what_the_model_says_reach_the_ends():
    logs = np.log([[0.9, 0.1], [0.2, 0.8]])
    assert TemperatureScaling.fit(logs, [0, 1]).temperature == COLDEST
    assert TemperatureScaling.fit(logs, [1, 0]).temperature == HOTTEST
    certain = np.log([[1.0, 1e-300], [1e-300, 1.0]])
    assert TemperatureScaling.fit(certain, [0, 1]).temperature == COLDEST
    assert TemperatureScaling.fit(np.log(np.full((4, 3), 1 / 3)), [0, 1, 2, 0]).temperature == 1


def test_a_probability_of_zero_of_the_true_class_costs_much_and_not_everything():
    with np.errstate(divide="ignore"):
        logs = np.log([[1.0, 0.0]] * 99 + [[0.0, 1.0]])
    fitted = TemperatureScaling.fit(logs, [0] * 100)
    # 99 right and one wrong at odds e^87: T makes the odds 99.
    assert fitted.temperature == pytest.approx(87.34 / np.log(99), rel=1e-3)
    assert fitted.apply(logs)[0, 0] == pytest.approx(0.99)


def test_it_comes_back_from_json():
    fitted = TemperatureScaling(1.2345678901234567)
    assert TemperatureScaling.from_json(json.loads(json.dumps(fitted.json()))) == fitted


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="no examples"):
        TemperatureScaling.fit(np.zeros((0, 2)), np.zeros(0, int))
    with pytest.raises(ValueError, match="not a number"):
        TemperatureScaling.fit([[np.nan, 0.0]], [0])
    with pytest.raises(ValueError, match="outside 0 to 1"):
        TemperatureScaling.fit([[0.0, 0.0]], [2])
    with pytest.raises(ValueError, match="columns"):
        TemperatureScaling.fit(np.zeros(3), [0])
