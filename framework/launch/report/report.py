"""The page of a sweep: one file that needs nothing but a browser."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from framework.evaluation import formats
from framework.evaluation.canvas import as_svg
from framework.evaluation.page import pages
from framework.evaluation.sections.pieces import Drawing, Table, identifier
from framework.launch.conclude import repeat
from framework.launch.report import figures
from framework.launch.report.axis import Axis, result_axis
from framework.launch.report.effort import effort_of
from framework.launch.report.found import Found, read_sweep
from framework.launch.report.fronts import confirmed_tables
from framework.launch.report.importance import NEEDS, importance
from framework.launch.report.story import headline, luck, luck_of_front, numbers, values_of
from framework.launch.report.trials import as_script, coordinates, lines
from framework.run import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PAGE = "sweep.html"
LINES = 20  # of the table, before it is folded
MOST_CURVES = 400
FEWEST = 2  # results, below which a figure has nothing to show


def write_report(directory: Path) -> Path:
    """Makes `sweep.html` of a sweep's directory, from the files in it and nothing else.

    Returns:
        The path of the page.

    Raises:
        InvalidConfig: it is no sweep's directory.
    """
    template = pages("framework.launch.report").get_template("sweep.html.jinja")
    page = template.render(_contents(read_sweep(directory)))
    write_text(directory / PAGE, page)
    return directory / PAGE


def _contents(found: Found) -> dict[str, Any]:
    """Everything that the template shows."""
    results = [result_axis(one.metric, [one.of(row) for row in found.rows]) for one in found.wanted]
    effort, confirmed = effort_of(found), found.confirmed
    one = confirmed[0] if len(confirmed) == 1 else None
    several = one is not None and one["validation"]["mean"] is not None
    table, (importances, missing) = lines(found), _importances(found)
    return {
        "name": found.request.name,
        "directory": found.sweep.path.name,
        "sentences": headline(found),
        "what": _what(found),
        "numbers": [asdict(one) for one in numbers(found, effort)],
        "progress": _progress(found, results),
        "coordinates": as_script(coordinates(found, results)) if _measured(found) else "",
        "columns": [one.title for one in (*results, *found.axes)],
        "lines": table,
        "shown": LINES,
        "keys": _keys(found, results),
        "importances": importances,
        "importance_needs": missing,
        "luck": luck(one) if one is not None else luck_of_front(confirmed),
        "luck_tables": confirmed_tables(confirmed) if one is None else [],
        "luck_figure": _drawn(
            figures.luck(one, results[0]), "luck", "The chosen trial and its confirmations",
            "Each dot a seed; the orange mark is their mean, its line the 95% interval.",
        ) if one is not None and several else None,
        "failed": [line for line in table if line.state == "failed"],
        "effort": effort,
        "repeat": [
            (f"Trial {row.number}: {values_of(row)}", repeat(found.request, found.sweep, row))
            for row in found.best
        ],
        "again": _again(found),
        "record": yaml.safe_dump(dict(found.sweep.record() or {}), sort_keys=False),
    }  # fmt: skip


def _what(found: Found) -> str:
    how = "every combination" if found.request.sweeper == "grid" else _sampler(found)
    keys = ", ".join(one.key for one in found.axes)
    named = [(formats.title(one.metric).lower(), one.maximize) for one in found.wanted]
    more = [name for name, maximize in named if maximize]
    less = [name for name, maximize in named if not maximize]
    aims = [f"more {', '.join(more)}"] * bool(more) + [f"less {', '.join(less)}"] * bool(less)
    aim = f" Better is {' and '.join(aims)} on the validation split." if aims else ""
    return f"A search over {keys}, by {how}.{aim}" if keys else f"One experiment.{aim}"


def _sampler(found: Found) -> str:
    """Of an Optuna search, with what prunes it."""
    sampler, pruner = (
        str((found.request.sweeper_settings.get(key) or {}).get("_target_", "")).rpartition(".")[2]
        for key in ("sampler", "pruner")
    )
    name = f"Optuna's {sampler}" if sampler else found.request.sweeper
    return f"{name} with {pruner}" if pruner else name


def _measured(found: Found) -> list[Any]:
    return [row for row in found.rows if found.wanted and math.isfinite(found.wanted[0].of(row))]


def _progress(found: Found, results: Sequence[Axis]) -> list[Drawing]:
    """The front of two results, the best so far, and all learning curves."""
    drawings = []
    best = [row.number for row in found.best]
    if len(found.wanted) > 1 and found.best:
        drawings.append(_drawn(
            figures.front(found.rows, found.wanted, results, found.best), "front", "The front",
            "Each dot a trial; no other is better in both than those on the line.",
        ))  # fmt: skip
    curves = {row.number: found.curves(row) for row in _drawn_rows(found, best)}
    for one, axis in zip(found.wanted, results, strict=True):
        if len(_measured(found)) >= FEWEST:
            drawings.append(_drawn(
                figures.best_so_far(found.rows, one, axis), f"best-{one.metric}",
                f"Best so far, {axis.title.lower()}",
                "Each dot a trial, those that were pruned hollow; the line is the best up to it.",
            ))  # fmt: skip
        own = {n: c[one.metric] for n, c in curves.items() if len(c[one.metric][0])}
        if any(len(steps) >= FEWEST for steps, _ in own.values()):
            every = result_axis(one.metric, [float(v) for _, ys in own.values() for v in ys])
            drawings.append(_drawn(
                figures.learning_curves(own, best, every), f"curves-{one.metric}",
                f"Learning curves, {axis.title.lower()}",
                "Each line a trial on the validation split; the best in colour.",
            ))  # fmt: skip
    return drawings


def _drawn_rows(found: Found, best: Sequence[int]) -> list[Any]:
    """Those whose curves are drawn: all, or as many as can be told apart, and the best."""
    every = max(1, -(-len(found.rows) // MOST_CURVES))
    return [row for n, row in enumerate(found.rows) if n % every == 0 or row.number in best]


def _keys(found: Found, results: Sequence[Axis]) -> list[Drawing]:
    """Each swept key against each result."""
    measured, best = _measured(found), [row.number for row in found.best]
    if len(measured) < FEWEST:
        return []
    return [
        _drawn(
            figures.against(measured, key, one, axis, best),
            identifier("key", key.key, one.metric, str(n)),
            key.title if len(results) == 1 else f"{key.title} and {axis.title.lower()}",
            "The orange line is the mean." if key.names else "",
        )
        for n, key in enumerate(found.axes)
        for one, axis in zip(found.wanted, results, strict=True)
    ]


def _importances(found: Found) -> tuple[list[Table], str]:
    """A table for each result; or what is missing to make one."""
    try:
        several = [importance(found, one) for one in found.wanted]
    except ImportError:
        return [], NEEDS
    return [one for one in several if one is not None], ""


def _again(found: Found) -> str:
    """The words that go on with what is left, for the sweep's own command."""
    failed = any(row.state == "failed" for row in found.rows)
    left = any(not row.ended for row in found.rows)
    words = [f"hydra.sweep.dir={found.sweep.path}"] + ["launch.retry_failed=true"] * failed
    return " ".join(words) if failed or left else ""


def _drawn(figure: "Figure", name: str, title: str, caption: str) -> Drawing:
    return Drawing(title, as_svg(figure, identifier(name), title), caption)
