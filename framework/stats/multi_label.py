"""Metrics of a classifier that gives each example any number of labels."""

import numpy as np
from numpy.typing import ArrayLike

from framework.stats.calibration import reliability_table
from framework.stats.checks import column_names, matrix, same_shape, smallest
from framework.stats.classification import from_counts, per_class_names
from framework.stats.ranking import average_precision


def multi_label_metric_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Every name that `multi_label_metrics` gives for labels called `names`, in order."""
    return (
        "label_accuracy",
        "exact_match",
        "log_loss",
        "brier_score",
        "expected_calibration_error",
        "mean_average_precision",
        "micro_f1",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        "examples",
        *per_class_names(names),
    )


def multi_label_metrics(
    probabilities: ArrayLike,
    labels: ArrayLike,
    names: tuple[str, ...] = (),
    threshold: float = 0.5,
) -> dict[str, float]:
    """Accuracy, scores and calibration of independent label probabilities.

    With y ∈ {0, 1} and p the probability of one label of one example, means over all of them of

    - `label_accuracy`: (p ≥ threshold) = y, which is 1 − the Hamming loss;
    - `log_loss`: −y log p − (1 − y) log(1 − p), in nats, p clipped (`checks.smallest`);
    - `brier_score`: (p − y)², from 0 to 1;

    `exact_match` is the share of examples whose labels are all right;
    `expected_calibration_error` compares p with y over all pairs (see `ReliabilityTable`);
    `mean_average_precision` is the mean over labels that occur of `average_precision`;
    `micro_f1` pools the counts of all labels; the `macro_…` ones are as in `PerClass.macro`.
    What is not defined is NaN, and probabilities that are not finite make every number but
    `examples` NaN.

    Args:
        probabilities: [n, labels], each between 0 and 1.
        labels: [n, labels] of 0 and 1.
        names: of the labels; gives `precision/<name>` and `recall/<name>`.
        threshold: a label is predicted from this probability on.

    Raises:
        ValueError: no examples, shapes that do not fit, or a label that is neither 0 nor 1.
    """
    p = matrix(probabilities, "probabilities")
    y = matrix(labels, "labels")
    same_shape(p, y)
    column_names(names, p.shape[1])
    if not np.isin(y, (0, 1)).all():
        raise ValueError("a multi-label label is neither 0 nor 1")
    if not np.isfinite(p).all():
        nothing = dict.fromkeys(multi_label_metric_names(names), float("nan"))
        return {**nothing, "examples": float(len(p))}
    said = p >= threshold
    true = y == 1
    counts = [array.sum(axis=0) for array in (said & true, true, said)]
    classes = from_counts(*counts)
    pooled = from_counts(*(array.sum(keepdims=True) for array in counts))
    clipped = np.clip(p, smallest(probabilities), 1 - smallest(probabilities))
    ranked = [average_precision(p[:, i], y[:, i]) for i in np.flatnonzero(classes.support)]
    return {
        "label_accuracy": float(np.mean(said == y)),
        "exact_match": float(np.mean((said == y).all(axis=1))),
        "log_loss": float(-np.mean(np.where(y == 1, np.log(clipped), np.log1p(-clipped)))),
        "brier_score": float(np.mean(np.square(p - y))),
        "expected_calibration_error": reliability_table(p, y).expected_calibration_error,
        "mean_average_precision": float(np.mean(ranked)) if ranked else float("nan"),
        "micro_f1": float(pooled.f1[0]),
        **classes.macro(),
        "examples": float(len(p)),
        **classes.named(names),
    }
