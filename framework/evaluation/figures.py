"""The figures of an evaluation; the same ones go to the trackers and into the report."""

from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from framework.evaluation.canvas import (
    ACCENT,
    INK,
    MUTED,
    PAPER,
    RULE,
    TEXT,
    WARM,
    dress,
    new_figure,
)
from framework.stats import ReliabilityTable, proportion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.path import Path as Outline

_POINTS = 400  # of a curve; more are binned
_DOTS = 800  # of a scatter; more are thinned


def reliability_figure(table: ReliabilityTable, level: float = 0.95) -> "Figure":
    """What came true of each bin of confidence, and below it how often each occurs.

    A bin's whisker is Wilson's interval. The band is where that interval, at this number of
    predictions, would hold the bin's mean confidence c: c ± z √(c (1 − c) / n). A bin outside of
    it is orange.
    """
    figure = new_figure(400, 380)
    upper, lower = figure.subplots(2, 1, height_ratios=[3.2, 1], sharex=True)
    width, middle = 1 / len(table.counts), (table.edges[:-1] + table.edges[1:]) / 2
    filled = table.counts > 0
    centre, n = middle[filled], table.counts[filled]
    accuracy, expected = table.accuracy[filled], table.mean_confidence[filled]
    ends = [
        proportion(int(k), int(m), level) for k, m in zip(table.correct[filled], n, strict=True)
    ]
    low, high = (np.array([getattr(e, end) for e in ends]) for end in ("low", "high"))
    z = NormalDist().inv_cdf((1 + level) / 2)
    spread = z * np.sqrt(expected * (1 - expected) / n)
    least, most = np.maximum(expected - spread, 0), np.minimum(expected + spread, 1)
    upper.plot([0, 1], [0, 1], color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    upper.bar(centre, most - least, width * 0.9, least, color=MUTED, alpha=0.22)
    for inside, colour in ((True, ACCENT), (False, WARM)):
        at = ((low <= expected) & (expected <= high)) == inside
        upper.vlines(centre[at], low[at], high[at], color=colour, linewidth=1.5)
        upper.plot(centre[at], accuracy[at], color=colour, marker="o", markersize=4.5, linestyle="")
    upper.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    dress(upper, y="came true", grid="y")
    share = table.counts / max(1, table.counts.sum())
    lower.bar(middle, share, width * 0.86, color=MUTED, alpha=0.55)
    dress(lower, x="confidence", y="of predictions")
    lower.set_ylim(0, max(share.max() * 1.08, 0.01))
    for axes in (upper, lower):
        _shares(axes, "y")
    lower.locator_params(axis="y", nbins=3)
    _shares(lower, "x")
    return figure


def confusion_figure(confusion: np.ndarray, names: Sequence[str]) -> "Figure":
    """Rows are labels, columns predictions; the shade is the share of the row.

    Right answers and mistakes have a colour each. Up to 12 classes carry counts, up to 40
    their names, more only every tenth number.
    """
    from matplotlib.patches import PathPatch

    classes = len(names)
    figure = new_figure(420, 400)
    axes = figure.subplots()
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    level = np.ceil(np.sqrt(share) * 24)  # the root lets small shares be seen
    for colour, cells in (
        (ACCENT, np.eye(classes, dtype=bool)),
        (WARM, ~np.eye(classes, dtype=bool)),
    ):
        # One path for each shade keeps ten thousand cells a small file.
        for shade in np.unique(level[cells & (level > 0)]):
            outline = _squares(np.argwhere(cells & (level == shade)))
            axes.add_patch(
                PathPatch(outline, facecolor=colour, alpha=float(shade / 24), linewidth=0)
            )
    axes.set(xlim=(-0.5, classes - 0.5), ylim=(classes - 0.5, -0.5), aspect="equal")
    dress(axes, x="predicted", y="label")
    _class_ticks(axes, names)
    if classes <= 12:
        longest = len(f"{confusion.max():,}")
        size = min(TEXT, 105 / classes, 420 / classes / longest)  # a cell is some 300 / classes
        for row, column in np.argwhere(confusion > 0):
            dark = share[row, column] > 0.3
            axes.text(
                column,
                row,
                f"{confusion[row, column]:,}",
                ha="center",
                va="center_baseline",
                fontsize=size,
                color=PAPER if dark else INK,
            )
    return figure


def curve_figure(
    series: Mapping[str, tuple[np.ndarray, np.ndarray]], percent: bool = False, x: str = "step"
) -> "Figure":
    """Lines over the steps, a few; a long one is binned, its range shaded.

    Args:
        series: name of the line → (steps [n], values [n]).
        percent: the values are shares.
        x: what the first of each line's two arrays is.
    """
    figure = new_figure(380, 210)
    axes = figure.subplots()
    colours = {"train": ACCENT, "validation": WARM, "test": INK}
    values = np.concatenate([y[np.isfinite(y)] for _, y in series.values()] or [np.ones(1)])
    if values.size and values.min() > 0 and values.max() / values.min() > 100:
        axes.set_yscale("log")
    for position, (name, (steps, y)) in enumerate(series.items()):
        colour = colours.get(name, (ACCENT, WARM, INK, MUTED)[position % 4])
        steps, middle, low, high = _binned(steps, y)
        if len(y) > _POINTS:
            axes.fill_between(steps, low, high, color=colour, alpha=0.16, linewidth=0)
        marker = "o" if len(y) == 1 else None
        axes.plot(steps, middle, color=colour, linewidth=1.5, marker=marker, markersize=4)
    dress(axes, x=x, grid="y")
    axes.margins(x=0.01)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if percent:
        _shares(axes, "y")
    if axes.get_yscale() == "linear":
        axes.locator_params(axis="y", nbins=5)
    return figure


def regression_figure(predictions: np.ndarray, labels: np.ndarray) -> "Figure":
    """One target: predictions against labels, and the distribution of the errors.

    Args:
        predictions: [n].
        labels: [n].
    """
    figure = new_figure(400, 430)
    upper, lower = figure.subplots(2, 1, height_ratios=[3, 1])
    finite = np.isfinite(predictions) & np.isfinite(labels)
    guess, truth = predictions[finite], labels[finite]
    every = max(1, -(-len(guess) // _DOTS))
    alpha = 0.6 if len(guess) < 300 else 0.3
    upper.plot(
        truth[::every],
        guess[::every],
        linestyle="",
        marker="o",
        markersize=3,
        color=ACCENT,
        alpha=alpha,
        markeredgewidth=0,
    )
    if len(guess):
        ends = [min(truth.min(), guess.min()), max(truth.max(), guess.max())]
        upper.plot(ends, ends, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        lower.hist(guess - truth, bins=40, color=WARM, alpha=0.6)
    lower.axvline(0, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
    dress(upper, x="label", y="predicted", grid="both")
    dress(lower, x="error (predicted − label)", y="examples")
    lower.locator_params(axis="y", nbins=3)
    return figure


def mistakes_figure(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> "Figure":
    """A contact sheet of uint8 pictures [h, w, 3] with a caption of two short lines above."""
    columns = min(6, max(1, len(pictures)))
    rows = max(1, -(-len(pictures) // columns))
    width, height, side = 112, 136, 100  # of a place, and of the picture in it; points
    figure = new_figure(width * columns, height * rows)
    # One set of axes in points for all: two dozen of them take a second to lay out.
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    for position, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = position % columns * width + (width - side) / 2
        top = position // columns * height + 28
        h, w = np.array(picture.shape[:2]) / max(picture.shape[:2]) * side
        axes.imshow(picture, extent=(left, left + w, top + h, top), interpolation="nearest")
        caption = "\n".join(_short(line, 22) for line in caption.split("\n"))
        axes.text(left, top - 4, caption, fontsize=TEXT - 3, color=INK, va="bottom")
    axes.set(xlim=(0, width * columns), ylim=(height * rows, 0))
    axes.set_axis_off()
    return figure


def _binned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Steps, means, minima and maxima of at most `_POINTS` neighbouring groups."""
    keep = np.isfinite(y)
    x, y = x[keep], y[keep]
    if len(x) <= _POINTS:
        return x, y, y, y
    starts = np.unique(np.linspace(0, len(x), _POINTS, endpoint=False).astype(int))
    counts = np.diff(np.append(starts, len(x)))
    mean = np.add.reduceat(y, starts) / counts
    return (
        np.add.reduceat(x, starts) / counts,
        mean,
        np.minimum.reduceat(y, starts),
        np.maximum.reduceat(y, starts),
    )


def _squares(cells: np.ndarray) -> "Outline":
    """One outline of unit squares around (row, column) cells int [n, 2]."""
    from matplotlib.path import Path as Outline

    square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5], [-0.5, -0.5]])
    corners = cells[:, None, ::-1] + square
    codes = [Outline.MOVETO, Outline.LINETO, Outline.LINETO, Outline.LINETO, Outline.CLOSEPOLY]
    return Outline(corners.reshape(-1, 2), np.tile(codes, len(cells)))


def _class_ticks(axes: "Axes", names: Sequence[str]) -> None:
    classes = len(names)
    axes.spines[:].set_visible(True)
    if classes > 40:
        axes.set_xticks(range(0, classes, 10))
        axes.set_yticks(range(0, classes, 10))
        return
    size = float(np.clip(240 / classes, 6.5, TEXT - 1))
    short = [_short(name, 14) for name in names]
    turned = max(map(len, short)) > 3 or classes > 20
    axes.set_xticks(range(classes), short, rotation=90 if turned else 0)
    axes.set_yticks(range(classes), short)
    axes.tick_params(labelsize=size, length=0)
    for edge in np.arange(classes - 1) + 0.5:
        axes.axhline(edge, color=RULE, linewidth=0.4, zorder=0)
        axes.axvline(edge, color=RULE, linewidth=0.4, zorder=0)


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _shares(axes: "Axes", which: str) -> None:
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
