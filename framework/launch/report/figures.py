"""The figures of a sweep's page."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from framework.evaluation.canvas import ACCENT, INK, MUTED, RULE, WARM, dress, new_figure
from framework.launch.objective import Objective
from framework.launch.report.axis import Axis
from framework.launch.table import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (400, 240)
MOST_POINTS = 200  # of a learning curve
_FAINT = 0.35


def best_so_far(rows: Sequence[Row], one: Objective, axis: Axis) -> "Figure":
    """Results by trial, and the best of those up to each; pruned ones are hollow."""
    figure = new_figure(*SIZE)
    axes = figure.subplots()
    for state, face in (("done", MUTED), ("pruned", "none")):
        shown = [row for row in rows if row.state == state and math.isfinite(one.of(row))]
        axes.plot(
            [row.number for row in shown], [one.of(row) for row in shown], linestyle="", marker="o",
            markersize=4, markerfacecolor=face, markeredgecolor=MUTED, markeredgewidth=0.9,
        )  # fmt: skip
    done = [row for row in rows if row.state == "done" and math.isfinite(one.of(row))]
    values = np.array([one.of(row) for row in done])
    best = (np.maximum if one.maximize else np.minimum).accumulate(values) if done else values
    numbers = [row.number for row in done]
    last = max((row.number for row in rows if row.ended), default=0)  # to which it is the best
    line = [*numbers, max(last, *numbers)] if numbers else []
    axes.plot(line, [*best, *best[-1:]], color=ACCENT, linewidth=1.6, drawstyle="steps-post")
    risen = [n for n in range(len(done)) if n == 0 or best[n] != best[n - 1]]
    axes.plot(
        [numbers[n] for n in risen], best[risen], color=ACCENT, marker="o", markersize=5,
        linestyle="",
    )  # fmt: skip
    dress(axes, x="trial", y=axis.title.lower(), grid="y")
    _whole(axes)
    _scaled(axes, "y", axis)
    return figure


def learning_curves(
    curves: Mapping[int, tuple[np.ndarray, np.ndarray]], best: Sequence[int], axis: Axis
) -> "Figure":
    """A line a trial, by its number; the best are coloured."""
    figure = new_figure(*SIZE)
    axes = figure.subplots()
    for number, (steps, values) in sorted(curves.items(), key=lambda item: item[0] in best):
        chosen = number in best
        every = max(1, len(steps) // MOST_POINTS)
        at = np.unique(np.append(np.arange(0, len(steps), every), len(steps) - 1))
        axes.plot(
            steps[at], values[at], color=ACCENT if chosen else MUTED,
            alpha=1 if chosen else _FAINT, linewidth=1.8 if chosen else 1,
            marker="o" if len(steps) == 1 else None, markersize=3,
        )  # fmt: skip
    dress(axes, x="step", y=axis.title.lower(), grid="y")
    _whole(axes)
    _scaled(axes, "y", axis)
    return figure


def against(rows: Sequence[Row], x: Axis, one: Objective, axis: Axis, best: Sequence[int]) -> Any:
    """A swept key against a result; the bar of a name is the mean of its trials."""
    figure = new_figure(340, 220)
    axes = figure.subplots()
    values = np.array([one.of(row) for row in rows])
    places = np.array([x.number(row.values.get(x.key)) for row in rows])
    chosen = np.array([row.number in best for row in rows], bool)
    if x.names:
        for name in range(len(x.names)):
            here = values[places == name]
            if len(here):
                axes.hlines(here.mean(), name - 0.28, name + 0.28, color=WARM, linewidth=2)
        places = places + _apart(len(rows))
    for here, colour, size in ((~chosen, MUTED, 4), (chosen, ACCENT, 6.5)):
        axes.plot(
            places[here], values[here], color=colour, marker="o", markersize=size, linestyle="",
            markeredgewidth=0, alpha=0.75 if colour == MUTED else 1,
        )  # fmt: skip
    dress(axes, x=x.key, y=axis.title.lower(), grid="y")
    _scaled(axes, "x", x)
    _scaled(axes, "y", axis)
    return figure


def front(
    rows: Sequence[Row], wanted: Sequence[Objective], axes_of: Sequence[Axis], best: Sequence[Row]
) -> "Figure":
    """The first two results of each trial; the line goes along what none is better than."""
    figure = new_figure(400, 290)
    axes = figure.subplots()
    (first, second), (x, y) = wanted[:2], axes_of[:2]
    done = [row for row in rows if row.state == "done"]
    axes.plot(
        [first.of(row) for row in done], [second.of(row) for row in done], color=MUTED, marker="o",
        markersize=4, linestyle="", markeredgewidth=0, alpha=0.75,
    )  # fmt: skip
    along = sorted(best, key=first.of)
    places = [first.of(row) for row in along], [second.of(row) for row in along]
    axes.plot(*places, color=ACCENT, linewidth=1.3, marker="o", markersize=6)
    side = 1 if first.maximize == second.maximize else -1  # off the line, which falls or rises
    for row in along if len(along) <= 12 else ():
        axes.annotate(
            str(row.number), (first.of(row), second.of(row)), (5 * side, 5),
            textcoords="offset points", ha="left" if side > 0 else "right", color=INK, fontsize=10,
        )  # fmt: skip
    dress(axes, x=x.title.lower(), y=y.title.lower(), grid="both")
    _scaled(axes, "x", x)
    _scaled(axes, "y", y)
    return figure


def luck(confirmed: Mapping[str, Any], axis: Axis) -> "Figure":
    """The chosen trial above its confirmations, with their mean and its interval."""
    figure = new_figure(400, 130)
    axes = figure.subplots()
    found = confirmed["validation"]
    known = [v for v in found["by_seed"].values() if v is not None and math.isfinite(v)]
    axes.plot([confirmed["chosen"]], [1], color=ACCENT, marker="o", markersize=8)
    axes.plot(known, np.zeros(len(known)), color=MUTED, marker="o", markersize=5, linestyle="")
    low, high = found["low"], found["high"]
    if low is not None and high is not None:
        axes.hlines(0, low, high, color=WARM, linewidth=2)
    axes.plot([found["mean"]], [0], color=WARM, marker="|", markersize=16, markeredgewidth=2.5)
    axes.axvline(confirmed["chosen"], color=RULE, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    dress(axes, x=axis.title.lower(), grid="x")
    axes.set_yticks([0, 1], ["fresh seeds", "chosen"])
    axes.set_ylim(-0.6, 1.5)
    axes.locator_params(axis="x", nbins=5)
    if axis.percent:
        axes.xaxis.set_major_formatter(lambda value, _: axis.shown(value))
    return figure


def _apart(count: int) -> np.ndarray:
    """Small steps to the side, so that equal values are seen; the same each time."""
    return np.asarray(0.1 * np.sin(2.4 * np.arange(count)))


def _whole(axes: "Axes") -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")


def _scaled(axes: "Axes", which: Literal["x", "y"], axis: Axis) -> None:
    """The scale, ticks and ends of an axis."""
    side = axes.xaxis if which == "x" else axes.yaxis
    if axis.names:
        cut = [name if len(name) <= 14 else f"{name[:13]}…" for name in axis.names]
        named = cut if len(set(cut)) == len(cut) else axis.names
        side.set_ticks(range(len(named)), named)
        (axes.set_xlim if which == "x" else axes.set_ylim)(-0.5, len(named) - 0.5)
        if which == "x" and sum(map(len, named)) > 44:
            axes.tick_params(axis="x", rotation=90)
        return
    if axis.log:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        from matplotlib.ticker import NullFormatter

        side.set_minor_formatter(NullFormatter())
        side.set_ticks([value for value, _ in axis.ticks()])
    else:
        axes.locator_params(axis=which, nbins=5, integer=axis.whole)
    side.set_major_formatter(lambda value, _: axis.shown(value))
