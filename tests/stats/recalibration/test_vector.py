import json

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax

from framework.stats import TemperatureScaling, VectorScaling, log_losses
from tests.stats.recalibration.models import model


def test_it_is_the_least_penalised_loss_as_scipy_finds_it():
    logits, labels = model(400, 2.0)
    logs = log_softmax(logits + np.array([0, 1, 0, -1, 0]), axis=1)

    def loss(x):
        fitted = log_softmax(logs * x[:5] + x[5:], axis=1)
        penalty = 0.0005 * (np.square(x[:5] - 1).sum() + np.square(x[5:]).sum())
        return penalty - fitted[np.arange(400), labels].sum()

    best = minimize(loss, np.concatenate([np.ones(5), np.zeros(5)]), tol=1e-12)
    fitted = VectorScaling.fit(logs, labels)
    here = np.concatenate([fitted.scales, fitted.biases])
    assert loss(here) <= best.fun + 1e-7
    np.testing.assert_allclose(here, best.x, atol=2e-3)


def test_it_undoes_biases_that_a_temperature_cannot():
    logits, labels = model(10_000, 1.5)
    logs = log_softmax(logits + np.array([1.0, 0, 0, 0, -1.0]), axis=1)
    fitted = VectorScaling.fit(logs, labels)
    np.testing.assert_allclose(fitted.scales, 1 / 1.5, rtol=0.1)
    assert fitted.biases[0] - fitted.biases[4] == pytest.approx(-2 / 1.5, rel=0.1)
    fresh, truth = model(10_000, 1.5, seed=1)
    fresh = log_softmax(fresh + np.array([1.0, 0, 0, 0, -1.0]), axis=1)
    vector = log_losses(fitted.apply(fresh), truth).mean()
    temperature = TemperatureScaling.fit(logs, labels)
    assert vector < log_losses(temperature.apply(fresh), truth).mean() - 0.02


def test_separable_one_class_constant_and_impossible_inputs_have_finite_fits():
    with np.errstate(divide="ignore"):
        cases = [
            (np.log([[0.9, 0.1], [0.2, 0.8]] * 10), [0, 1] * 10),
            (np.log([[0.9, 0.1], [0.2, 0.8]] * 10), [1, 0] * 10),
            (np.log([[0.9, 0.1], [0.2, 0.8]] * 10), [0] * 20),
            (np.log(np.full((6, 3), 1 / 3)), [0, 1, 2, 0, 0, 0]),
            (np.log([[1.0, 0.0], [0.0, 1.0]] * 5), [0, 1] * 5),
            (np.log([[1.0, 0.0], [0.0, 1.0]] * 5), [1, 1] * 5),
        ]
    for logs, labels in cases:
        fitted = VectorScaling.fit(logs, labels)
        p = fitted.apply(logs)
        assert np.isfinite(p).all()
        np.testing.assert_allclose(p.sum(axis=1), 1)
        assert log_losses(p, labels).mean() <= log_losses(np.exp(logs), labels).mean() + 1e-9


def test_it_comes_back_from_json_and_refuses_other_classes():
    fitted = VectorScaling.fit(*model(50))
    assert VectorScaling.from_json(json.loads(json.dumps(fitted.json()))) == fitted
    with pytest.raises(ValueError, match="2 classes, but it was fitted on 5"):
        fitted.apply([[0.0, 0.0]])
