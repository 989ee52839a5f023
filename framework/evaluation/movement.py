"""How far evaluated data have moved from what the run was trained on."""

from typing import Any

from framework.evaluation.columns import Columns
from framework.evaluation.evaluate import Evaluation
from framework.evaluation.outcomes import outcomes
from framework.evaluation.reference import EMBEDDING, Reference
from framework.evaluation.remedies import log_probabilities
from framework.spec import Labels
from framework.stats import TemperatureScaling
from framework.stats.analysis import Analysis
from framework.stats.drift import (
    Categories,
    Drift,
    Rule,
    class_shift,
    classifier_two_sample_test,
    confidence_accuracy,
    confidence_threshold,
    drift,
    maximum_mean_discrepancy,
    thresholded_accuracy,
)


def drift_of(
    reference: Reference, columns: Columns, options: Analysis, resamples: int | None = None
) -> Drift:
    """The verdict on columns [n] as `Reference.columns` gives them."""
    expected = reference.expected
    rule = Rule(options.drift_rate) if resamples is None else Rule(
        options.drift_rate, resamples=resamples
    )  # fmt: skip
    return drift(expected, expected.count(columns), rule)


def movement(
    reference: Reference,
    columns: Columns,
    found: Evaluation,
    options: Analysis,
) -> dict[str, Any]:
    """Drift of each column, and of the labels and the predicted classes which classes it is in;
    with `depth=full` the two-sample tests of the embeddings too.
    """
    expected = reference.expected
    told: dict[str, Any] = {"drift": drift_of(reference, columns, options).json()}
    for name in ("label", "predicted"):
        table = expected.tables.get(name)
        if isinstance(table, Categories):
            told[f"{name}_shift"] = class_shift(table, table.count(columns[name])).json()
    if options.depth == "full" and min(len(reference.sample), len(found.predictions["index"])) > 20:
        projected = reference.basis.project(found.predictions[EMBEDDING])
        told["two_sample"] = {
            "maximum_mean_discrepancy": maximum_mean_discrepancy(
                reference.sample, projected
            ).json(),
            "classifier": classifier_two_sample_test(reference.sample, projected).json(),
        }
    return told


def accuracy_without_labels(
    validation: Evaluation, found: Evaluation, labels: Labels, temperature: float, level: float
) -> dict[str, Any]:
    """What accuracy the confidence alone would have promised, beside the one that came."""
    before, now = outcomes(validation, labels), outcomes(found, labels)
    if before is None or now is None or before.confidence is None or now.confidence is None:
        return {}
    assert before.correct is not None
    threshold = confidence_threshold(before.confidence, before.correct)
    logs = log_probabilities(found.predictions["probabilities"])
    cooled = TemperatureScaling(temperature).apply(logs).max(axis=1)
    return {
        "mean_confidence": confidence_accuracy(cooled, level).json(),
        "thresholded_confidence": thresholded_accuracy(now.confidence, threshold, level).json(),
    }
