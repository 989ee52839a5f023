"""The numbers that open a split: each with its interval and what to read it against."""

import math
from collections.abc import Mapping
from typing import Any

from framework.evaluation.baseline import baselines
from framework.evaluation.evaluate import Evaluation
from framework.evaluation.formats import estimated, metric, title
from framework.evaluation.sections.pieces import Number
from framework.spec import Labels

_COUNTS = ("examples", "tokens", "bytes")
_ELSEWHERE = {"temperature", "area_under_risk_coverage"}
_MEANING = {
    "expected_calibration_error": "mean gap between confidence and accuracy",
    "mean_absolute_error_in_deviations": "in each target's own standard deviations",
    "r_squared": "share of the variance explained",
    "macro_precision": "mean over the classes",
    "macro_recall": "mean over the classes",
    "micro_f1": "all labels together",
}


def numbers(evaluation: Evaluation, labels: Labels, analysis: Mapping[str, Any]) -> list[Number]:
    """The metrics of everything together; of calibration errors only the customary one, as the
    others have a table of their own.
    """
    constant = baselines(evaluation, labels) if evaluation.is_usual(labels) else {}
    estimates = analysis.get("estimates", {})
    found = []
    for name, value in evaluation.metrics.items():
        if "/" in name or name in _COUNTS or not math.isfinite(value) or _apart(name):
            continue
        estimate = estimates.get(name)
        expected = estimate and estimate["under_calibration"]
        note = _MEANING.get(name, "")
        if name in constant and math.isfinite(constant[name]):
            note = f"without looking: {metric(name, constant[name])}"
        elif expected is not None and name.endswith("calibration_error"):
            note = f"a calibrated model would read {metric(name, expected)} here"
        interval = estimated(name, estimate) if estimate else ""
        found.append(Number(title(name), metric(name, value), interval, note))
    return found


def _apart(name: str) -> bool:
    other = name.endswith("calibration_error") and name != "expected_calibration_error"
    return other or name in _ELSEWHERE
