"""What an evaluation says beyond its metrics: how sure they are, where they differ, what moved.

Every part is plain data, with the number of examples it rests on and an interval where one can
be given; what there is not enough data for says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.outcomes import Outcomes, outcomes
from framework.spec import Labels
from framework.stats import (
    Estimate,
    brier_parts,
    calibration_estimates,
    class_reliability,
    class_wise_estimate,
    mean_estimate,
    proportion,
    risk_coverage,
    score_estimates,
    selective_estimates,
)
from framework.stats.analysis import Analysis
from framework.stats.fairness import (
    calibration_within_groups,
    count_table,
    demographic_parity,
    equalised_odds,
)
from framework.stats.slices import Slicing, slice_results

CURVE = 101  # points of a stored curve


def estimates(found: Evaluation, labels: Labels, options: Analysis) -> dict[str, Estimate]:
    """Metrics with their intervals, and calibration errors beside what they would read if the
    model were calibrated; empty of a task of a user's own.
    """
    each = outcomes(found, labels)
    if each is None:
        return {}
    arrays, how = found.predictions, _how(options)
    if labels.kind == "class":
        assert each.correct is not None
        assert each.confidence is not None
        assert each.labels is not None
        accuracy = proportion(float(each.correct.sum()), len(each.correct), options.level)
        return {
            "accuracy": accuracy,
            **score_estimates(arrays["probabilities"], arrays["labels"], **how),
            **calibration_estimates(each.confidence, each.correct, **how),
            "class_wise_calibration_error": class_wise_estimate(
                arrays["probabilities"], each.labels, **how
            ),
        }
    if labels.kind == "token":
        mask = arrays["labels"] >= 0
        rows = np.broadcast_to(np.arange(len(mask))[:, None], mask.shape)
        nats, right = -arrays["log_likelihood"][mask], arrays["correct"][mask]
        return {
            "log_loss": mean_estimate(nats, rows[mask], **how),
            "accuracy": mean_estimate(right, rows[mask], **how),
            **calibration_estimates(arrays["confidence"], arrays["correct"], mask, rows, **how),
        }
    if labels.kind == "multi_label":
        p, truth = arrays["probabilities"], arrays["labels"]
        rows = np.broadcast_to(np.arange(len(p))[:, None], p.shape)
        return {
            "log_loss": mean_estimate(each.losses, **how),
            **calibration_estimates(p, truth, None, rows, **how),
        }
    return {"mean_absolute_error_in_deviations": mean_estimate(each.losses, **how)}


def _how(options: Analysis) -> dict[str, Any]:
    return {"resamples": options.resamples, "level": options.level}


def brier_decomposition(found: Evaluation, labels: Labels) -> dict[str, float]:
    """Reliability, resolution and uncertainty of a classifier's Brier score."""
    each = outcomes(found, labels)
    if each is None or each.labels is None:
        return {}
    tables = class_reliability(found.predictions["probabilities"], each.labels)
    return asdict(brier_parts(tables))


def abstaining(found: Evaluation, labels: Labels, options: Analysis) -> dict[str, Any]:
    """What is gained by answering only where the model is sure; of classes."""
    each = outcomes(found, labels)
    if each is None or each.correct is None or each.confidence is None:
        return {}
    wrong = 1 - each.correct
    areas = selective_estimates(
        wrong, each.confidence, resamples=min(options.resamples, 200), level=options.level
    )
    curve = risk_coverage(wrong, each.confidence)
    at = np.unique(np.linspace(0, len(curve.coverage) - 1, CURVE).round().astype(int))
    return {
        **{name: estimate.json() for name, estimate in areas.items()},
        "coverage": curve.coverage[at].tolist(),
        "risk": curve.risk[at].tolist(),
        "threshold": curve.threshold[at].tolist(),
    }


def by_slice(
    found: Evaluation, labels: Labels, slicings: Sequence[Slicing], options: Analysis
) -> dict[str, Any]:
    """Every slice against the rest, and of classes the gaps between the slices of a column."""
    each = outcomes(found, labels)
    if each is None or not slicings:
        return {}
    slices = slice_results(
        slicings, each.losses, each.correct, each.confidence, options.level, options.resamples
    )
    return {
        "slices": [one.json() for one in slices],
        "gaps": {s.name: _gaps(s, each, labels, options) for s in slicings},
    }


def _gaps(
    slicing: Slicing, each: Outcomes, labels: Labels, options: Analysis
) -> dict[str, Mapping[str, Any]]:
    if each.predicted is None or each.labels is None or slicing.name == "label":
        return {}
    assert each.confidence is not None
    assert each.correct is not None
    shape = (len(slicing.names), labels.width)
    table = count_table(slicing.codes, each.labels, each.predicted, shape)
    groups = slicing.codes, each.confidence, each.correct
    return {
        "demographic_parity": demographic_parity(table, slicing.names, options.level).json(),
        "equalised_odds": equalised_odds(table, slicing.names, options.level).json(),
        "calibration": calibration_within_groups(*groups, slicing.names, options.level).json(),
    }
