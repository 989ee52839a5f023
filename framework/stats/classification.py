"""Metrics of a classifier that gives each example one class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.calibration import label_reliability
from framework.stats.checks import column_names, hard_and_soft, matrix, smallest
from framework.stats.ranking import area_under_roc


def classification_metric_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Every name that `classification_metrics` gives for classes called `names`, in order."""
    return (*_names(len(names)), *per_class_names(names))


def classification_metrics(
    probabilities: ArrayLike, labels: ArrayLike, names: tuple[str, ...] = ()
) -> dict[str, float]:
    """Accuracy, scores and calibration of class probabilities.

    With y the one-hot (or soft) label of a row and p its probabilities, means over rows of

    - `accuracy`: argmax p = argmax y (the first of equal ones);
    - `top_5_accuracy` (more than five classes): argmax y is among the five largest of p;
    - `log_loss`: −Σ y log p, in nats, p clipped as scikit-learn does (`checks.smallest`);
    - `brier_score`: Σ (p − y)², from 0 to 2 (Brier, Monthly Weather Review 78, 1950; for two
      classes twice the one-column score);

    and `expected_calibration_error` (see `ReliabilityTable`), `macro_precision`,
    `macro_recall`, `macro_f1` (see `per_class`), `area_under_roc` of the second class where
    there are two, `examples`, and where `names` are given `precision/<name>`, `recall/<name>`.

    A number that is not defined is NaN: the recall of a class without examples, the precision
    of one never predicted, the area under the ROC where all labels agree. Probabilities that
    are not finite make every number but `examples` NaN: such a model has no accuracy.

    Args:
        probabilities: [n, classes]; rows sum to one.
        labels: int [n], or float [n, classes] soft labels.
        names: of the classes.

    Raises:
        ValueError: no examples, shapes that do not fit, or a label outside the classes.
    """
    p = matrix(probabilities, "probabilities")
    column_names(names, p.shape[1])
    hard, soft = hard_and_soft(labels, *p.shape)
    if not np.isfinite(p).all():
        every = (*_names(p.shape[1]), *per_class_names(names))
        return {**dict.fromkeys(every, float("nan")), "examples": float(len(p))}
    confusion = confusion_matrix(hard, p.argmax(axis=1), p.shape[1])
    classes = per_class(confusion)
    metrics = {"accuracy": float(np.trace(confusion) / len(p))}
    if p.shape[1] > 5:
        metrics["top_5_accuracy"] = float(np.mean(_rank(p, hard) < 5))
    clipped = np.clip(p, smallest(probabilities), 1 - smallest(probabilities))
    metrics["log_loss"] = float(-(soft * np.log(clipped)).sum(axis=1).mean())
    metrics["brier_score"] = float(np.square(p - soft).sum(axis=1).mean())
    metrics["expected_calibration_error"] = label_reliability(p, hard).expected_calibration_error
    metrics |= classes.macro()
    if p.shape[1] == 2:
        metrics["area_under_roc"] = area_under_roc(p[:, 1], hard == 1)
    metrics["examples"] = float(len(p))
    return metrics | classes.named(names)


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """Counts of (label, prediction) pairs: int64 [classes, classes], a row for each label.

    Args:
        labels: int [n].
        predicted: int [n].
        classes: number of classes.

    Raises:
        ValueError: lengths that differ, or a class outside [0, classes).
    """
    rows, columns = np.asarray(labels), np.asarray(predicted)
    if rows.shape != columns.shape or rows.ndim != 1:
        raise ValueError(f"labels are {rows.shape} but predictions are {columns.shape}")
    for values in (rows, columns):
        if values.size and not (values.min() >= 0 and values.max() < classes):
            raise ValueError(f"a class outside 0 to {classes - 1}")
    flat = np.bincount(rows.astype(np.int64) * classes + columns, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


@dataclass(frozen=True, eq=False)
class PerClass:
    """Counts and ratios of each class; NaN where a ratio is not defined.

    Attributes:
        support: int64 [classes], examples that carry the label.
        predicted: int64 [classes], predictions of it.
        precision: float64 [classes], true positives / predicted.
        recall: float64 [classes], true positives / support.
        f1: float64 [classes], 2 true positives / (predicted + support).
    """

    support: NDArray[np.int64]
    predicted: NDArray[np.int64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]

    def macro(self) -> dict[str, float]:
        """Plain means over the classes that occur as a label or as a prediction.

        A ratio that is not defined for such a class counts as 0, so that a model that never
        predicts a class does not gain by it (scikit-learn's `average="macro"`).
        """
        occurs = (self.support + self.predicted) > 0
        ratios = {"precision": self.precision, "recall": self.recall, "f1": self.f1}
        return {
            f"macro_{name}": float(np.nan_to_num(values[occurs]).mean())
            if occurs.any()
            else float("nan")
            for name, values in ratios.items()
        }

    def named(self, names: tuple[str, ...]) -> dict[str, float]:
        """`precision/<name>` and `recall/<name>` of every class; nothing without names."""
        values = np.concatenate([self.precision, self.recall])
        return {name: float(v) for name, v in zip(per_class_names(names), values, strict=False)}


def per_class_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """`precision/<name>` of every class, then `recall/<name>`."""
    return tuple(f"{metric}/{name}" for metric in ("precision", "recall") for name in names)


def per_class(confusion: NDArray[np.int64]) -> PerClass:
    """Precision, recall and F₁ of each class of a confusion matrix (rows are labels)."""
    hits = np.diag(confusion)
    return from_counts(hits, confusion.sum(axis=1), confusion.sum(axis=0))


def from_counts(
    hits: NDArray[np.int64], support: NDArray[np.int64], predicted: NDArray[np.int64]
) -> PerClass:
    """`PerClass` from counts [classes] of true positives, labels and predictions."""

    def ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
        out = np.full(len(whole), np.nan)
        np.divide(part, whole, out=out, where=whole > 0)
        return out

    return PerClass(
        support,
        predicted,
        precision=ratio(hits, predicted),
        recall=ratio(hits, support),
        f1=ratio(2 * hits, support + predicted),
    )


def _names(classes: int) -> tuple[str, ...]:
    return (
        "accuracy",
        *(("top_5_accuracy",) if classes > 5 else ()),
        "log_loss",
        "brier_score",
        "expected_calibration_error",
        "macro_precision",
        "macro_recall",
        "macro_f1",
        *(("area_under_roc",) if classes == 2 else ()),
        "examples",
    )


def _rank(p: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many classes come before the label's; of equal ones the first, as argmax has it."""
    own = np.take_along_axis(p, labels[:, None], axis=1)
    before = np.arange(p.shape[1]) < labels[:, None]
    ranks: NDArray[np.int64] = ((p > own) | ((p == own) & before)).sum(axis=1)
    return ranks
