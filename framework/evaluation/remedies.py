"""What can be made of a model without training it again: calibrated probabilities, honest sets.

Everything is fitted on one split and measured on another.
"""

from typing import Any, Literal

import numpy as np

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.outcomes import outcomes
from framework.spec import Labels
from framework.stats import (
    ConformalSets,
    IsotonicCalibration,
    TemperatureScaling,
    VectorScaling,
    calibration_estimates,
    conformal_estimates,
    score_estimates,
)
from framework.stats.analysis import Analysis

ENOUGH = 50
"""Examples below which nothing is fitted."""
_METHODS: dict[str, Any] = {
    "temperature": TemperatureScaling, "vector": VectorScaling, "isotonic": IsotonicCalibration,
}  # fmt: skip
_SHOWN = ("expected_calibration_error", "smooth_calibration_error")


def recalibration(
    fitted_on: Evaluation, found: Evaluation, labels: Labels, options: Analysis
) -> dict[str, Any]:
    """Of classes, each method's log loss, Brier score and calibration on `found`, beside those
    of the model as it is (`none`).
    """
    before, now = outcomes(fitted_on, labels), outcomes(found, labels)
    if before is None or now is None or before.labels is None or now.labels is None:
        return {}
    if len(before.labels) < ENOUGH:
        return {"not_enough_data": f"{len(before.labels)} examples of {fitted_on.split}"}
    logs = log_probabilities(found.predictions["probabilities"])
    told: dict[str, Any] = {"fitted_on": fitted_on.split, "fitted_examples": len(before.labels)}
    told["none"] = _measured(found.predictions["probabilities"], now.labels, options)
    for name, method in _METHODS.items():
        fitted = method.fit(
            log_probabilities(fitted_on.predictions["probabilities"]), before.labels
        )
        told[name] = _measured(fitted.apply(logs), now.labels, options)
        if name == "temperature":
            told[name]["temperature"] = fitted.json()["temperature"]
    return told


def prediction_sets(
    fitted_on: Evaluation, found: Evaluation, labels: Labels, options: Analysis
) -> dict[str, Any]:
    """Of classes, the measured coverage and size of split-conformal sets, by method."""
    before, now = outcomes(fitted_on, labels), outcomes(found, labels)
    if before is None or now is None or before.labels is None or now.labels is None:
        return {}
    if len(before.labels) < ENOUGH:
        return {"not_enough_data": f"{len(before.labels)} examples of {fitted_on.split}"}
    told: dict[str, Any] = {"promised_coverage": options.coverage, "fitted_on": fitted_on.split}
    methods: tuple[Literal["least_ambiguous", "adaptive"], ...] = ("least_ambiguous", "adaptive")
    for method in methods:
        p = fitted_on.predictions["probabilities"]
        sets = ConformalSets.fit(p, before.labels, 1 - options.coverage, method)
        measured = conformal_estimates(
            sets.sets(found.predictions["probabilities"]), now.labels, level=options.level
        )
        told[method] = {
            **sets.json(), **{name: estimate.json() for name, estimate in measured.items()},
        }  # fmt: skip
    return told


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Float64, of probabilities clipped at 1e-12."""
    return np.asarray(np.log(np.clip(probabilities.astype(np.float64), 1e-12, None)))


def _measured(probabilities: np.ndarray, labels: np.ndarray, options: Analysis) -> dict[str, Any]:
    how: dict[str, Any] = {"resamples": options.resamples, "level": options.level}
    right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    calibration = calibration_estimates(probabilities.max(axis=1), right, **how)
    found = {
        **score_estimates(probabilities, labels, **how),
        **{name: calibration[name] for name in _SHOWN},
    }
    return {
        "accuracy": float(right.mean()),
        **{name: estimate.json() for name, estimate in found.items()},
    }
