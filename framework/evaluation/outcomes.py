"""Predictions of any task as what intervals, slices and abstaining are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.record import hard_labels
from framework.spec import Labels
from framework.stats import log_losses


@dataclass(frozen=True, eq=False)
class Outcomes:
    """One row an example.

    Attributes:
        losses: float64 [n]: log loss of classes; mean log loss of labels and of a row's tokens;
            absolute error in the target's own deviations, mean over the targets.
        correct: float64 [n] of classes, else None.
        confidence: float64 [n] in the predicted class, else None.
        predicted, labels: int64 [n] of classes, else None.
    """

    losses: NDArray[np.float64]
    correct: NDArray[np.float64] | None = None
    confidence: NDArray[np.float64] | None = None
    predicted: NDArray[np.int64] | None = None
    labels: NDArray[np.int64] | None = None


def outcomes(found: Evaluation, labels: Labels) -> Outcomes | None:
    """None of a task of a user's own, and of predictions that are not finite."""
    arrays = found.predictions
    if not found.is_usual(labels) or not _finite(found):
        return None
    if labels.kind == "class":
        p, truth = arrays["probabilities"], hard_labels(arrays["labels"]).astype(np.int64)
        said = p.argmax(axis=1)
        return Outcomes(
            log_losses(p, arrays["labels"]), (said == truth).astype(np.float64),
            p.max(axis=1).astype(np.float64), said.astype(np.int64), truth,
        )  # fmt: skip
    if labels.kind == "multi_label":
        p, truth = arrays["probabilities"].astype(np.float64), arrays["labels"]
        p = np.clip(p, 1e-7, 1 - 1e-7)
        return Outcomes(-(truth * np.log(p) + (1 - truth) * np.log1p(-p)).mean(axis=1))
    if labels.kind == "token":
        counted = arrays["labels"] >= 0
        tokens = np.maximum(counted.sum(axis=1), 1)
        return Outcomes(-(arrays["log_likelihood"] * counted).sum(axis=1) / tokens)
    spread = arrays["labels"].std(axis=0)
    off = np.abs(arrays["predictions"] - arrays["labels"]) / np.where(spread > 0, spread, 1)
    return Outcomes(off.mean(axis=1).astype(np.float64))


def _finite(found: Evaluation) -> bool:
    return all(
        np.isfinite(values).all()
        for values in found.predictions.values()
        if values.dtype.kind == "f"
    )
