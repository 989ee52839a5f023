"""Is its confidence to be trusted? Calibration, abstaining, and what can be made of both."""

from collections.abc import Mapping
from typing import Any

from framework.evaluation.analysis_figures import risk_coverage_figure
from framework.evaluation.canvas import as_svg
from framework.evaluation.evaluate import Evaluation
from framework.evaluation.figures import reliability_figure
from framework.evaluation.formats import count, number, points, rate, share, span, title, value
from framework.evaluation.language import token_reliability
from framework.evaluation.record import hard_labels
from framework.evaluation.sections.pieces import Block, Cell, Drawing, Row, Table, identifier
from framework.spec import Labels
from framework.stats import ReliabilityTable, label_reliability, reliability_table

_UNIT = {"class": "prediction", "multi_label": "label", "token": "token"}
_METHODS = {
    "none": "As it is",
    "temperature": "Temperature",
    "vector": "Vector scaling",
    "isotonic": "Isotonic",
}
_SETS = {"least_ambiguous": "Least ambiguous", "adaptive": "Adaptive"}
_ANSWERED = 0.8  # the share of surest examples that a sentence speaks of


def confidence(evaluation: Evaluation, labels: Labels, analysis: Mapping[str, Any]) -> Block | None:
    """None of numbers, which come without a confidence."""
    table = reliability(evaluation, labels)
    if table is None:
        return None
    split, level = evaluation.split, analysis.get("level", 0.95)
    abstaining = analysis.get("abstaining") or {}
    figures = [_reliability(table, split, _UNIT[labels.kind], level)]
    if abstaining.get("coverage"):
        figures.append(_abstaining(abstaining, split))
    tables = [*_recalibration(analysis), *_sets(analysis)]
    said = calibration_sentences(analysis)
    if "temperature" in analysis:
        said.append(
            "Its logits fit the examples kept for calibration best when they are divided by a "
            f"temperature of {number(analysis['temperature'])}."
        )
    few = (analysis.get("recalibration") or {}).get("not_enough_data")
    if few:
        said.append(f"Not enough data to calibrate it afterwards: {few}.")
    return Block(
        identifier("confidence", split), "Confidence", "Is its confidence to be trusted?",
        said, figures=figures, tables=tables, folded=_errors(analysis),
    )  # fmt: skip


def reliability(evaluation: Evaluation, labels: Labels) -> ReliabilityTable | None:
    """How often each confidence came true; None of numbers."""
    arrays = evaluation.predictions
    if labels.kind == "token":
        return token_reliability(evaluation)
    if labels.kind == "multi_label":
        return reliability_table(arrays["probabilities"], arrays["labels"])
    if labels.kind == "class":
        return label_reliability(arrays["probabilities"], hard_labels(arrays["labels"]))
    return None


def calibration_sentences(analysis: Mapping[str, Any]) -> list[str]:
    """Whether the calibration error can be told from none, and what it is read against."""
    name = "expected_calibration_error"
    found = analysis.get("estimates", {}).get(name)
    if not found or found["value"] is None or found["low"] is None:
        return []
    told = f"Confidence and accuracy are {points(found['value'])} apart on average"
    if found["under_calibration"] is not None:
        told += f", where a calibrated model would read {points(found['under_calibration'])}"
    if found["low"] > 0:
        interval = f"{100 * found['low']:.1f} to {points(found['high'])}"
        return [f"{told}: it is not calibrated, by {interval}."]
    most = points(found["high"])
    return [f"{told}: it cannot be told from a calibrated one, and is off by {most} at most."]


def answered(abstaining: Mapping[str, Any]) -> str:
    """What answering only where it is surest would gain, in one sentence."""
    coverage, risk = abstaining["coverage"], abstaining["risk"]
    if not risk:
        return ""
    at = min(range(len(coverage)), key=lambda i: abs(coverage[i] - _ANSWERED))
    errs = f"errs in {share(risk[at])}" if risk[at] else "never errs"
    surest = rate(round(coverage[at], 3))
    return f"Answering only the surest {surest}, it {errs}; answering all, in {share(risk[-1])}."


def _reliability(table: ReliabilityTable, split: str, unit: str, level: float) -> Drawing:
    figure = reliability_figure(table, level)
    return Drawing(
        "Does confidence come true?",
        as_svg(figure, identifier("reliability", split), "Reliability diagram"),
        f"How much of each bin came true, with its {rate(level)} interval. The grey band is "
        "where a calibrated model would lie nearly always; orange bins are outside of it. Below, "
        f"how often each confidence occurs, per {unit}."
        + (" The tokens are taken as independent." if unit == "token" else ""),
    )


def _abstaining(abstaining: Mapping[str, Any], split: str) -> Drawing:
    area = abstaining["area_under_risk_coverage"]
    figure = risk_coverage_figure(abstaining["coverage"], abstaining["risk"])
    ends = span("", area["low"], area["high"])
    return Drawing(
        "What does it gain by abstaining?",
        as_svg(figure, identifier("abstaining", split), "Errors against the share answered"),
        f"{answered(abstaining)} The area under the curve is {value('', area['value'])}"
        + (f" ({ends})." if ends else "."),
    )


def _errors(analysis: Mapping[str, Any]) -> list[Table]:
    found = {n: e for n, e in analysis.get("estimates", {}).items() if "calibration_error" in n}
    if not found:
        return []
    rows = [
        Row(title(name), [
            Cell(value(name, e["value"])), Cell(span(name, e["low"], e["high"]) or "—"),
            Cell(value(name, e["under_calibration"])),
        ])
        for name, e in found.items()
    ]  # fmt: skip
    parts = analysis.get("brier_parts") or {}
    caption = (
        "Noise raises every such error: read it beside what a calibrated model would have on as "
        "many examples. The interval is of the error itself, without the noise."
    )
    if parts:
        caption += (
            f" The Brier score's parts: reliability {number(parts['reliability'])}, resolution "
            f"{number(parts['resolution'])}, uncertainty {number(parts['uncertainty'])}."
        )
    columns = ["Error", "Read", "Interval", "If calibrated"]
    return [Table("Every calibration error", columns, rows, caption)]


def _recalibration(analysis: Mapping[str, Any]) -> list[Table]:
    found = analysis.get("recalibration") or {}
    if "none" not in found:
        return []
    shown = ("log_loss", "brier_score", "expected_calibration_error")
    rows = []
    for method, name in _METHODS.items():
        measured = found[method]
        if "temperature" in measured:
            name += f" {number(measured['temperature'])}"
        cells = [Cell(value(m, measured[m]["value"])) for m in shown]
        rows.append(Row(name, [Cell(share(measured["accuracy"])), *cells]))
    calibrated = found["none"]["expected_calibration_error"]["under_calibration"]
    return [
        Table(
            "Calibrated afterwards",
            ["Method", "Accuracy", "Log loss", "Brier score", "Calibration error"],
            rows,
            f"Fitted on {count(found['fitted_examples'])} {found['fitted_on']} examples, measured "
            f"on these. As it is, a calibrated model would read {value(shown[2], calibrated)} in "
            "the last column.",
        )
    ]


def _sets(analysis: Mapping[str, Any]) -> list[Table]:
    found = analysis.get("prediction_sets") or {}
    rows = [
        Row(name, [
            Cell(value("coverage", found[method]["coverage"]["value"])),
            Cell(_interval(found[method], "coverage")),
            Cell(value("", found[method]["mean_set_size"]["value"])),
            Cell(value("empty_sets", found[method]["empty_sets"]["value"])),
        ])
        for method, name in _SETS.items() if method in found
    ]  # fmt: skip
    if not rows:
        return []
    return [
        Table(
            "Sets that hold the true class",
            ["Method", "Coverage", "Interval", "Mean size", "Empty"],
            rows,
            f"Each set promises to hold the true class in {rate(found['promised_coverage'])} of "
            f"the cases; its threshold is from the {found['fitted_on']} split.",
        )
    ]


def _interval(found: Mapping[str, Any], name: str) -> str:
    return span(name, found[name]["low"], found[name]["high"]) or "—"
