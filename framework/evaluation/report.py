"""A run's report: one file that needs nothing but a browser."""

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from framework.evaluation import formats
from framework.evaluation.canvas import as_svg
from framework.evaluation.effort import read_effort
from framework.evaluation.figures import curve_figure
from framework.evaluation.history import read_curves, telling
from framework.evaluation.narrative import headline
from framework.evaluation.record import read_evaluation
from framework.evaluation.section import Section, section
from framework.run import write_text

_SPLITS = ("test", "validation")  # the first that was evaluated gives the headline
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
    `summary.json`, `metrics.jsonl`, `attempts/`, `bad_steps.json` and `evaluation/<split>/`; each
    may be missing.

    Returns:
        The path of the report.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("framework.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pages.filters |= {"count": formats.count, "size": formats.size, "share": formats.share}
    page = pages.get_template("report.html.jinja").render(_contents(run))
    write_text(run / "report.html", page)
    return run / "report.html"


def _contents(run: Path) -> dict[str, Any]:
    """Everything that the template shows."""
    text = _text(run / "config.yaml")
    config = yaml.safe_load(text) if text else {}
    config = config if isinstance(config, dict) else {}
    environment = _json(run / "environment.json") or {}
    data = _json(run / "data.json") or {}
    model = _json(run / "model.json") or []
    summary = _json(run / "summary.json") or {}
    sections, sentences = _evaluations(run)
    curves, more = _curves(run / "metrics.jsonl")
    return {
        "name": config.get("name") or run.parent.name,
        "directory": run.name,
        "what": _what(config, data, model, summary),
        "sentences": sentences,
        "sections": [asdict(part) for part in sections],
        "curves": curves,
        "more_curves": more,
        "config": text,
        "environment": _environment(environment, summary),
        "packages": environment.get("packages") or {},
        "uncommitted": bool(environment.get("uncommitted_changes")),
        "data": data,
        "model": model,
        "parameters": sum(math.prod(row["shape"]) for row in model),
        "model_bytes": sum(row.get("bytes", 0) for row in model),
        "command": _command(environment, run),
        "effort": read_effort(run),
    }


def _evaluations(run: Path) -> tuple[list[Section], list[str]]:
    """The evaluated splits, the one to be judged by first, and what is to be said about it."""
    folders = sorted(
        (file.parent for file in run.glob("evaluation/*/metrics.json")),
        key=lambda folder: (
            _SPLITS.index(folder.name) if folder.name in _SPLITS else len(_SPLITS),
            folder.name,
        ),
    )
    records = [read_evaluation(folder) for folder in folders]
    sections = [section(*record) for record in records]
    return sections, headline(*records[0][:2]) if records else []


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


def _what(
    config: Mapping[str, Any],
    data: Mapping[str, Any],
    model: list[dict[str, Any]],
    summary: Mapping[str, Any],
) -> str:
    """What was trained on what, in one sentence."""
    target = str((config.get("model") or {}).get("_target_") or "A model").rpartition(".")[2]
    size = sum(math.prod(row["shape"]) for row in model)
    parameters = f" with {formats.count(size)} parameters" if size else ""
    examples = (data.get("splits") or {}).get("train")
    on = f" on {data['name']}" if "name" in data else ""
    on += f" ({formats.count(examples)} examples)" if on and isinstance(examples, int) else ""
    steps = summary.get("step") or (config.get("trainer") or {}).get("steps")
    for_steps = f" for {formats.count(steps)} steps" if isinstance(steps, int) else ""
    stopped = f", stopped early: {summary['stopped']}" if summary.get("stopped") else ""
    return f"{target}{parameters}, trained{on}{for_steps}{stopped}."


def _environment(
    environment: Mapping[str, Any], summary: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Rows of a table; what has a place of its own in the report is left out."""
    apart = ("command", "packages", "executable", "uncommitted_changes")
    rows = [(formats.title(k), str(v)) for k, v in environment.items() if k not in apart and v]
    if summary.get("weights"):
        rows.append(("Weights evaluated", str(summary["weights"])))
    return rows


def _command(environment: Mapping[str, Any], run: Path) -> str:
    """The command that repeats the run, into another directory."""
    command = environment.get("command") or []
    words = list(command[1:]) if isinstance(command, list) else []
    if not words:
        text = _text(run / "overrides.yaml")
        words = [str(word) for word in (yaml.safe_load(text) if text else None) or []]
    words = [word for word in words if not word.startswith("run.dir=")]
    return shlex.join(["python", "-m", "experiments.run", *words])


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _json(file: Path) -> Any:
    return json.loads(_text(file)) if file.exists() else None
