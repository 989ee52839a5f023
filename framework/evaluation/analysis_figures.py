"""Figures of an analysis: the same to the trackers and, where one is, into the report."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from framework.evaluation.canvas import ACCENT, INK, MUTED, RULE, TEXT, WARM, dress, new_figure
from framework.evaluation.formats import title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = ("risk_coverage", "slices", "drift", "shift")
_MOST = 20  # rows of a figure
_SHIFT_ROWS = {
    "accuracy": "accuracy",
    "expected_calibration_error": "calibration\nerror",
    "loss": "loss",
    "alarms": "drift\nalarms",
    "maximum_mean_discrepancy": "MMD",
}
_COLUMNS = 8


def analysis_figures(analysis: Mapping[str, Any]) -> dict[str, "Figure"]:
    """By name, those of `FIGURES` that the analysis has something for."""
    figures = {}
    abstaining = analysis.get("abstaining") or {}
    if abstaining.get("coverage"):
        figures["risk_coverage"] = risk_coverage_figure(abstaining["coverage"], abstaining["risk"])
    if analysis.get("slices"):
        figures["slices"] = slices_figure(analysis["slices"])
    if (analysis.get("drift") or {}).get("features"):
        figures["drift"] = drift_figure(analysis["drift"])
    if (analysis.get("shift") or {}).get("shifts"):
        figures["shift"] = shift_figure(analysis["shift"]["shifts"])
    return figures


def risk_coverage_figure(coverage: Sequence[float], risk: Sequence[float]) -> "Figure":
    """Errors among the surest share of the examples; the dashed line is the error on all."""
    figure = new_figure(400, 300)
    axes = figure.subplots()
    axes.axhline(risk[-1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.plot(coverage, risk, color=ACCENT, linewidth=1.6)
    axes.fill_between(coverage, 0, risk, color=ACCENT, alpha=0.1, linewidth=0)
    axes.set(xlim=(0, 1), ylim=(0, max(1.15 * max(risk), 0.001)))
    dress(axes, x="answered, the surest first", y="wrong", grid="y")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.locator_params(axis="y", nbins=5)
    return figure


def slices_figure(slices: Sequence[Mapping[str, Any]]) -> "Figure":
    """Accuracy or loss of each slice with its interval; orange ones are worse than the rest."""
    measure = "accuracy" if "accuracy" in slices[0]["metrics"] else "loss"
    known = [one for one in slices if one["metrics"][measure]["value"] is not None][:_MOST]
    figure = new_figure(440, 60 + 20 * len(known))
    axes = figure.subplots()
    for place, one in enumerate(known):
        estimate = one["metrics"][measure]
        colour = {"worse": WARM, "not enough data": RULE}.get(one["standing"], ACCENT)
        if estimate["low"] is not None:
            axes.hlines(place, estimate["low"], estimate["high"], color=colour, linewidth=1.6)
        axes.plot(estimate["value"], place, marker="o", markersize=4.5, color=colour)
    axes.set_yticks(range(len(known)), [f"{_short(o['name'])}  n = {o['n']:,}" for o in known])
    axes.set_ylim(len(known) - 0.4, -0.6)
    dress(axes, x=measure, grid="x")
    return figure


def drift_figure(drift: Mapping[str, Any]) -> "Figure":
    """PSI above chance of the features that moved most; orange ones raise an alarm."""
    features = [f for f in drift["features"] if f["excess"] is not None][:_MOST]
    figure = new_figure(440, 70 + 20 * len(features))
    axes = figure.subplots()
    colours = [WARM if f["name"] in drift["alarms"] else ACCENT for f in features]
    axes.barh(range(len(features)), [f["excess"] for f in features], 0.6, color=colours, alpha=0.7)
    for mark in (drift["rule"]["minor"], drift["rule"]["major"]):
        axes.axvline(mark, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(features)), [_short(f["name"]) for f in features])
    axes.set_ylim(len(features) - 0.4, -0.6)
    dress(axes, x="population stability index above chance", grid="x")
    return figure


def shift_figure(shifts: Mapping[str, Mapping[str, Sequence[float | None]]]) -> "Figure":
    """Small multiples: a column for each shift, a row for each measure, over the strengths."""
    names = list(shifts)[:_COLUMNS]
    measured = set.intersection(*(set(shifts[name]) for name in names))
    rows = [m for m in _SHIFT_ROWS if m in measured and (m != "loss" or "accuracy" not in measured)]
    figure = new_figure(90 + 95 * len(names), 40 + 80 * len(rows))
    grid = figure.subplots(len(rows), len(names), sharex=True, sharey="row", squeeze=False)
    for row, measure in enumerate(rows):
        for column, name in enumerate(names):
            axes = grid[row, column]
            values = np.array([np.nan if v is None else v for v in shifts[name][measure]])
            axes.plot(values, color=WARM if row else ACCENT, linewidth=1.4)
            dress(axes, y=_SHIFT_ROWS[measure] if column == 0 else "", grid="y")
            axes.locator_params(axis="y", nbins=3)
            if row == 0:
                axes.set_title(title(name), fontsize=TEXT, color=INK)
    for axes in grid[-1]:
        axes.set_xticks(range(6))
    return figure


def _short(text: str, longest: int = 28) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
