"""One evaluated split as the report shows it: numbers, figures, tables, mistakes."""

import math
from dataclasses import dataclass

import numpy as np

from framework.evaluation.baseline import baselines
from framework.evaluation.canvas import as_svg
from framework.evaluation.evaluate import Evaluation
from framework.evaluation.figures import (
    confusion_figure,
    curve_figure,
    regression_figure,
    reliability_figure,
)
from framework.evaluation.formats import count, metric, share, title
from framework.evaluation.language import loss_by_place, token_reliability
from framework.evaluation.mistakes import Mistake
from framework.evaluation.record import hard_labels
from framework.spec import Labels
from framework.stats import (
    ReliabilityTable,
    confusion_matrix,
    label_reliability,
    per_class,
    reliability_table,
)

_COUNTS = ("examples", "tokens", "bytes")
_TARGETS = 4  # regression figures: the targets that are predicted worst
_CONFUSIONS = 10

_MEANING = {
    "expected_calibration_error": "mean gap between confidence and accuracy",
    "r_squared": "share of the variance explained",
    "macro_precision": "mean over the classes",
    "macro_recall": "mean over the classes",
    "micro_f1": "all labels together",
}
_MISTAKES = {
    "class": ("The most confident mistakes", "Wrong predictions of the highest probability."),
    "multi_label": ("The most confident mistakes", "The examples with the surest wrong label."),
    "number": ("The largest errors", "In standard deviations (σ) of the target."),
    "token": ("", ""),
}


@dataclass(frozen=True)
class Number:
    """A metric, and what to read it against."""

    title: str
    value: str
    note: str


@dataclass(frozen=True)
class Drawing:
    """A figure with its heading and how to read it."""

    title: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Row:
    """One class or target: its cells as text, and the share that is drawn behind each."""

    name: str
    cells: list[tuple[str, float | None]]


@dataclass(frozen=True)
class Table:
    """Rows under columns, the first of which is the name."""

    title: str
    columns: list[str]
    rows: list[Row]
    caption: str


@dataclass(frozen=True)
class Section:
    """Everything about one split."""

    split: str
    numbers: list[Number]
    figures: list[Drawing]
    tables: list[Table]
    mistakes: list[Mistake]
    mistakes_title: str
    mistakes_caption: str
    undefined: list[str]


def section(evaluation: Evaluation, labels: Labels, mistakes: list[Mistake]) -> Section:
    """The report's section about `evaluation`."""
    finite = all(np.isfinite(array).all() for array in evaluation.predictions.values())
    usual = finite and evaluation.is_usual(labels)
    undefined = [name for name, v in evaluation.metrics.items() if not math.isfinite(v)]
    return Section(
        split=evaluation.split,
        numbers=_numbers(evaluation, labels) if finite else [],
        figures=_figures(evaluation, labels) if usual else [],
        tables=_tables(evaluation, labels) if usual else [],
        mistakes=mistakes,
        mistakes_title=_MISTAKES[labels.kind][0],
        mistakes_caption=_MISTAKES[labels.kind][1],
        undefined=undefined,
    )


def _numbers(evaluation: Evaluation, labels: Labels) -> list[Number]:
    constant = baselines(evaluation, labels) if evaluation.is_usual(labels) else {}
    numbers = []
    for name, value in evaluation.metrics.items():
        if "/" in name or name in _COUNTS or not math.isfinite(value):
            continue
        note = _MEANING.get(name, "")
        if name in constant and math.isfinite(constant[name]):
            note = f"without looking: {metric(name, constant[name])}"
        numbers.append(Number(title(name), metric(name, value), note))
    return numbers


def _figures(evaluation: Evaluation, labels: Labels) -> list[Drawing]:
    arrays, split = evaluation.predictions, evaluation.split
    if labels.kind == "number":
        return _regressions(evaluation, labels.names)
    if labels.kind == "token":
        return [_reliability(token_reliability(evaluation), split, "token"), _by_place(evaluation)]
    p = arrays["probabilities"]
    if labels.kind == "multi_label":
        return [_reliability(reliability_table(p, arrays["labels"]), split, "label")]
    truth = hard_labels(arrays["labels"])
    confusion = confusion_matrix(truth, p.argmax(axis=1), labels.width)
    drawing = as_svg(
        confusion_figure(confusion, labels.names), f"confusion-{split}", "Confusion matrix"
    )
    return [
        _reliability(label_reliability(p, truth), split, "prediction"),
        Drawing(
            "What is taken for what",
            drawing,
            "Each row is a label, each column what the model said; the stronger the shade, the "
            "larger its share of the row. Blue is right, orange wrong."
            + (" Classes by number; the table below names them." if labels.width > 40 else ""),
        ),
    ]


def _reliability(table: ReliabilityTable, split: str, unit: str) -> Drawing:
    error = share(table.expected_calibration_error)
    return Drawing(
        "Does confidence come true?",
        as_svg(reliability_figure(table), f"reliability-{split}", "Reliability diagram"),
        f"Bars on the dashed line are honest; orange shows what is missing or to spare, {error} "
        f"on average. Below, how often each confidence occurs, per {unit}.",
    )


def _by_place(evaluation: Evaluation) -> Drawing:
    lines = {evaluation.split: loss_by_place(evaluation)}
    figure = curve_figure(lines, x="place in the context")
    return Drawing(
        "What does it gain from context?",
        as_svg(figure, f"place-{evaluation.split}", "Loss at each place in the context"),
        "Mean loss in nats at each place of a row: the farther to the right, the more text the "
        "model has seen. It should fall, and then go on falling a little.",
    )


def _regressions(evaluation: Evaluation, names: tuple[str, ...]) -> list[Drawing]:
    guess, truth = evaluation.predictions["predictions"], evaluation.predictions["labels"]
    spread = np.where(truth.std(axis=0) > 0, truth.std(axis=0), 1)
    hardest = np.argsort(-(np.abs(guess - truth).mean(axis=0) / spread), kind="stable")[:_TARGETS]
    return [
        Drawing(
            f"Predicted and true {names[i]}",
            as_svg(
                regression_figure(guess[:, i], truth[:, i]),
                f"regression-{evaluation.split}-{i}",
                f"Predictions of {names[i]} against labels, and the errors",
            ),
            "Points on the dashed line are right. Below, how the errors are spread.",
        )
        for i in hardest
    ]


def _tables(evaluation: Evaluation, labels: Labels) -> list[Table]:
    if labels.kind == "number":
        return _targets(evaluation, labels.names) if labels.width > 1 else []
    if labels.kind == "token":
        return []
    p = evaluation.predictions["probabilities"]
    if labels.kind == "multi_label":
        return [_labels(p, evaluation.predictions["labels"], labels.names)]
    truth = hard_labels(evaluation.predictions["labels"])
    confusion = confusion_matrix(truth, p.argmax(axis=1), labels.width)
    return [_classes(confusion, labels.names), *_confusions(confusion, labels.names)]


def _classes(confusion: np.ndarray, names: tuple[str, ...]) -> Table:
    table = per_class(confusion)
    rows = [
        Row(
            names[i],
            [
                (count(table.support[i]), None),
                *(
                    (share(float(values[i])), float(values[i]))
                    for values in (table.precision, table.recall, table.f1)
                ),
            ],
        )
        for i in np.argsort(np.nan_to_num(table.f1, nan=2), kind="stable")
    ]
    return Table(
        "Each class, the hardest first",
        ["Class", "Examples", "Precision", "Recall", "F1"],
        rows,
        "Precision: how often it is right when it says so. Recall: how many it finds. "
        "A dash: not defined, for want of examples or of predictions.",
    )


def _labels(p: np.ndarray, truth: np.ndarray, names: tuple[str, ...]) -> Table:
    # Each label is a matter of yes or no: its row is the "yes" of its own confusion matrix.
    ratios = [
        per_class(confusion_matrix(truth[:, i].astype(int), (p[:, i] >= 0.5).astype(int), 2))
        for i in range(len(names))
    ]
    rows = [
        Row(
            names[i],
            [
                (count(ratios[i].support[1]), None),
                *(
                    (share(float(values[1])), float(values[1]))
                    for values in (ratios[i].precision, ratios[i].recall, ratios[i].f1)
                ),
            ],
        )
        for i in sorted(range(len(names)), key=lambda i: np.nan_to_num(ratios[i].f1[1], nan=2))
    ]
    return Table(
        "Each label, the hardest first",
        ["Label", "Examples", "Precision", "Recall", "F1"],
        rows,
        "A label is predicted from a probability of 50% on.",
    )


def _confusions(confusion: np.ndarray, names: tuple[str, ...]) -> list[Table]:
    if len(names) < 3:
        return []  # the matrix itself says it all
    wrong = confusion - np.diag(np.diag(confusion))
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSIONS]
    pairs = [divmod(int(flat), len(names)) for flat in order]
    support = confusion.sum(axis=1)
    rows = [
        Row(
            names[label],
            [
                (names[said], None),
                (count(wrong[label, said]), None),
                (share(float(wrong[label, said] / support[label])), None),
            ],
        )
        for label, said in pairs
        if wrong[label, said]
    ]
    if not rows:
        return []
    return [
        Table(
            "The commonest confusions",
            ["Label", "Taken for", "Times", "Of the label"],
            rows,
            "",
        )
    ]


def _targets(evaluation: Evaluation, names: tuple[str, ...]) -> list[Table]:
    metrics = ("mean_absolute_error", "root_mean_squared_error", "r_squared")
    rows = [
        Row(
            name,
            [(metric(m, evaluation.metrics.get(f"{m}/{name}", math.nan)), None) for m in metrics],
        )
        for name in names
    ]
    columns = ["Target", "Mean absolute error", "Root mean squared error", "R²"]
    return [Table("Each target", columns, rows, "")]
