"""A run's report: one file that needs nothing but a browser."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from framework.evaluation import formats
from framework.evaluation.about import About, read_about, read_records, what_was_trained
from framework.evaluation.canvas import as_svg
from framework.evaluation.effort import read_effort
from framework.evaluation.figures import curve_figure
from framework.evaluation.history import read_curves, telling
from framework.evaluation.narrative import headline
from framework.evaluation.page import pages
from framework.evaluation.section import section
from framework.evaluation.sections import distillation, quality
from framework.run import write_text

_MORE_CURVES = 12


@dataclass(frozen=True)
class Curve:
    """A training curve and where its lines ended."""

    title: str
    svg: str
    ends: list[tuple[str, str]]


def write_report(run: Path) -> Path:
    """Makes `report.html` of a run directory from the files in it, and nothing else.

    Reads `config.yaml`, `overrides.yaml`, `environment.json`, `data.json`, `model.json`,
    `summary.json`, `metrics.jsonl`, `attempts/`, `bad_steps.json`, `evaluation/<split>/`,
    `distillation.json` and `data_quality/quality.json`; each may be missing.

    Returns:
        The path of the report.
    """
    page = pages().get_template("report.html.jinja").render(_contents(run))
    write_text(run / "report.html", page)
    return run / "report.html"


def _contents(run: Path) -> dict[str, Any]:
    """Everything that the template shows."""
    about, records = read_about(run), read_records(run)
    curves, more = _curves(run / "metrics.jsonl")
    checked, compared = quality(about.quality), distillation(about.distillation)
    sections = [section(r.evaluation, r.labels, r.mistakes, r.analysis) for r in records]
    first = records[0] if records else None
    return {
        "name": about.config.get("name") or run.parent.name,
        "directory": run.name,
        "what": what_was_trained(about),
        "sentences": headline(first.evaluation, first.labels, first.analysis) if first else [],
        "sections": [asdict(part) for part in sections],
        "curves": curves,
        "more_curves": more,
        "config": about.text,
        "environment": _environment(about),
        "packages": about.environment.get("packages") or {},
        "uncommitted": bool(about.environment.get("uncommitted_changes")),
        "data": about.data,
        "model": about.model,
        "parameters": about.parameters,
        "model_bytes": sum(row.get("bytes", 0) for row in about.model),
        "command": about.command,
        "effort": read_effort(run),
        "distillation": compared and asdict(compared),
        "quality": checked and asdict(checked),
    }


def _curves(file: Path) -> tuple[list[Curve], list[Curve]]:
    """The telling curves and the others, which stay folded."""
    curves = read_curves(file)
    first = telling(curves)
    rest = [name for name in curves if name not in first][:_MORE_CURVES]

    def drawn(metric: str) -> Curve:
        lines = curves[metric]
        title = formats.title(metric)
        ends = [(line, formats.metric(metric, float(y[-1]))) for line, (_, y) in lines.items()]
        figure = curve_figure(lines, formats.is_share(metric))
        svg = as_svg(figure, f"curve-{metric}", f"{title} over the steps")
        return Curve(title, svg, ends)

    return [drawn(name) for name in first], [drawn(name) for name in rest]


def _environment(about: About) -> list[tuple[str, str]]:
    """Rows of a table; what has a place of its own in the report is left out."""
    apart = ("command", "packages", "executable", "uncommitted_changes")
    found = about.environment.items()
    rows = [(formats.title(k), str(v)) for k, v in found if k not in apart and v]
    if about.summary.get("weights"):
        rows.append(("Weights evaluated", str(about.summary["weights"])))
    return rows
