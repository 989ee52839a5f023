"""One evaluated split as the report shows it: numbers, figures, tables, mistakes, its analysis."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.evaluation.canvas import as_svg
from framework.evaluation.evaluate import Evaluation
from framework.evaluation.figures import confusion_figure, curve_figure, regression_figure
from framework.evaluation.formats import count, metric, rate, share
from framework.evaluation.language import loss_by_place
from framework.evaluation.mistakes import Mistake
from framework.evaluation.record import hard_labels
from framework.evaluation.sections import confidence, drift, numbers, shift, slices
from framework.evaluation.sections.pieces import Block, Cell, Drawing, Number, Row, Table
from framework.spec import Labels
from framework.stats import confusion_matrix, per_class

_TARGETS = 4  # regression figures: the targets that are predicted worst
_CONFUSIONS = 10

_MISTAKES = {
    "class": ("The most confident mistakes", "Wrong predictions of the highest probability."),
    "multi_label": ("The most confident mistakes", "The examples with the surest wrong label."),
    "number": ("The largest errors", "In standard deviations (σ) of the target."),
    "token": ("", ""),
}


@dataclass(frozen=True)
class Section:
    """Everything about one split.

    Attributes:
        level: of the numbers' intervals; empty where they have none.
        blocks: what the analysis found, each under a heading of its own.
    """

    split: str
    numbers: list[Number]
    level: str
    figures: list[Drawing]
    tables: list[Table]
    mistakes: list[Mistake]
    mistakes_title: str
    mistakes_caption: str
    undefined: list[str]
    blocks: list[Block]


def section(
    evaluation: Evaluation,
    labels: Labels,
    mistakes: list[Mistake],
    analysis: Mapping[str, Any] | None = None,
) -> Section:
    """The report's section about `evaluation`; `analysis` as `analysis.json` has it, if it is
    there.
    """
    analysis = analysis or {}
    finite = all(np.isfinite(array).all() for array in evaluation.predictions.values())
    usual = finite and evaluation.is_usual(labels)
    undefined = [name for name, v in evaluation.metrics.items() if not math.isfinite(v)]
    blocks = [
        confidence(evaluation, labels, analysis) if usual else None,
        slices(analysis, labels.names), drift(analysis, labels.names), shift(analysis),
    ]  # fmt: skip
    return Section(
        split=evaluation.split,
        numbers=numbers(evaluation, labels, analysis) if finite else [],
        level=rate(analysis["level"]) if analysis.get("estimates") else "",
        figures=_figures(evaluation, labels) if usual else [],
        tables=_tables(evaluation, labels) if usual else [],
        mistakes=mistakes,
        mistakes_title=_MISTAKES[labels.kind][0],
        mistakes_caption=_MISTAKES[labels.kind][1],
        undefined=undefined,
        blocks=[block for block in blocks if block is not None],
    )


def _figures(evaluation: Evaluation, labels: Labels) -> list[Drawing]:
    arrays, split = evaluation.predictions, evaluation.split
    if labels.kind == "number":
        return _regressions(evaluation, labels.names)
    if labels.kind == "token":
        return [_by_place(evaluation)]
    if labels.kind == "multi_label":
        return []
    said, truth = arrays["probabilities"].argmax(axis=1), hard_labels(arrays["labels"])
    confusion = confusion_matrix(truth, said, labels.width)
    drawing = as_svg(
        confusion_figure(confusion, labels.names), f"confusion-{split}", "Confusion matrix"
    )
    return [
        Drawing(
            "What is taken for what",
            drawing,
            "Each row is a label, each column what the model said; the stronger the shade, the "
            "larger its share of the row. Blue is right, orange wrong."
            + (" Classes by number; the table below names them." if labels.width > 40 else ""),
        ),
    ]


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
                Cell(count(table.support[i])),
                *(
                    Cell(share(float(values[i])), float(values[i]))
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
                Cell(count(ratios[i].support[1])),
                *(
                    Cell(share(float(values[1])), float(values[1]))
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
                Cell(names[said], word=True),
                Cell(count(wrong[label, said])),
                Cell(share(float(wrong[label, said] / support[label]))),
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
            [Cell(metric(m, evaluation.metrics.get(f"{m}/{name}", math.nan))) for m in metrics],
        )
        for name in names
    ]
    columns = ["Target", "Mean absolute error", "Root mean squared error", "R²"]
    return [Table("Each target", columns, rows, "")]
