"""A run's model card, in the format of the Hugging Face hub: what it is and what is known of it."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from framework.evaluation import formats
from framework.evaluation.about import About, Record, read_about, read_records, what_was_trained
from framework.evaluation.effort import read_effort
from framework.evaluation.narrative import headline
from framework.evaluation.reference import FOLDER
from framework.evaluation.sections.confidence import answered, calibration_sentences
from framework.evaluation.sections.distillation import comparison_sentences, teacher_sentence
from framework.evaluation.sections.drift import verdict_sentence
from framework.evaluation.sections.quality import quality_sentences
from framework.evaluation.sections.shift import false_alarm_sentences, warning_sentences
from framework.evaluation.sections.slices import gap_sentences, standing_sentence
from framework.evaluation.table import main_metrics
from framework.run import write_text

CARD = "model_card.md"
_FEW = 1000  # examples below which an evaluation is called small
_TASKS = {
    ("class", "image"): "image-classification", ("multi_label", "image"): "image-classification",
    ("class", "text"): "text-classification", ("multi_label", "text"): "text-classification",
    ("class", "tabular"): "tabular-classification",
    ("multi_label", "tabular"): "tabular-classification",
    ("number", "tabular"): "tabular-regression", ("token", "text"): "text-generation",
}  # fmt: skip
_SAYS = {
    "class": "It gives each example a probability for each of {n} classes",
    "multi_label": "It gives each example a probability for each of {n} labels",
    "number": "It predicts {n} numbers for each example",
    "token": "It predicts the next token of a text",
}


def write_model_card(run: Path) -> Path:
    """Makes `model_card.md` of a run directory from the files in it, and nothing else.

    What was not measured is said to be so.

    Returns:
        The path of the card.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    pages = Environment(
        loader=PackageLoader("framework.evaluation", "."), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False,
    )  # fmt: skip
    pages.filters |= {"count": formats.count, "cell": _cell}
    text = pages.get_template("model_card.md.jinja").render(_contents(run))
    write_text(run / CARD, text.rstrip() + "\n")
    return run / CARD


def _contents(run: Path) -> dict[str, Any]:
    about, records = read_about(run), read_records(run)
    first = records[0] if records else None
    analysis = first.analysis if first else {}
    names = first.labels.names if first else ()
    effort = read_effort(run)
    return {
        "front": yaml.safe_dump(front_matter(about, records), sort_keys=False, allow_unicode=True),
        "name": about.config.get("name") or run.name,
        "what": what_was_trained(about),
        "sentences": headline(first.evaluation, first.labels, analysis) if first else [],
        "details": list(_details(about)),
        "use": _use(about),
        "data": about.data,
        "quality": list(quality_sentences(about.quality)) if about.quality else [],
        "procedure": list(_procedure(about)),
        "parts": [_part(record) for record in records],
        "distillation": comparison_sentences(about.distillation) if about.distillation else [],
        "calibration": _calibration(analysis),
        "slices": _slices(analysis, names),
        "slice_rows": [_slice_row(one) for one in analysis.get("slices", ())],
        "slice_measure": _measure(analysis).capitalize(),
        "drift": _drift(run, analysis),
        "limitations": list(_limitations(about, first)),
        "command": about.command,
        "effort": effort.sentence if effort else "",
        "machine": about.environment.get("platform", ""),
    }


def _cell(text: object) -> str:
    """Text that does not end its place in a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def front_matter(about: About, records: list[Record]) -> dict[str, Any]:
    """The card's metadata: library, tags, data sets, metrics and the results by split."""
    name, task = str(about.config.get("name") or "model"), _task(about)
    data = str(about.data.get("name") or "not recorded")
    metrics = [_defined(record) for record in records]
    results = [
        {
            "task": {"type": task or "other", "name": (task or "other").replace("-", " ")},
            "dataset": {"name": data, "type": data, "split": record.evaluation.split},
            "metrics": [
                {"type": metric, "value": value, "name": formats.title(metric)}
                for metric, value in found.items()
            ],
        }
        for record, found in zip(records, metrics, strict=True)
    ]
    front: dict[str, Any] = {
        "library_name": "framework",
        "tags": ["jax", "flax", about.architecture.lower()],
        "datasets": [data],
        "metrics": list(metrics[0]) if metrics else [],
    }
    if task:
        front["pipeline_tag"] = task
    return {**front, "model-index": [{"name": name, "results": results}]}


def _task(about: About) -> str:
    """The hub's name of what the model does; empty where it has none."""
    inputs, labels = about.data.get("inputs") or {}, about.data.get("labels") or {}
    if "tokens" in inputs:
        kind = "text"
    elif about.data.get("single", "shape" in inputs):
        kind = "image" if len(inputs.get("shape") or ()) >= 2 else "tabular"
    else:
        kind = "tabular"
    return _TASKS.get((labels.get("kind", ""), kind), "")


def _defined(record: Record) -> dict[str, float]:
    main = main_metrics(record.evaluation)
    apart = ("examples", "tokens", "bytes", "temperature")
    return {n: v for n, v in main.items() if math.isfinite(v) and n not in apart}


def _details(about: About) -> Iterator[tuple[str, str]]:
    yield "Architecture", about.architecture
    yield "Parameters", formats.count(about.parameters) if about.parameters else "not recorded"
    if about.summary.get("weights"):
        yield "Weights", str(about.summary["weights"])
    if about.data.get("teacher"):
        yield "Learned from", teacher_sentence(about.data["teacher"])
    packages = about.environment.get("packages") or {}
    yield "Software", ", ".join(f"{k} {v}" for k, v in packages.items()) or "not recorded"
    commit = about.environment.get("commit")
    changed = ", with changes that were not committed"
    changed = changed if about.environment.get("uncommitted_changes") else ""
    yield "Commit", f"`{commit}`{changed}" if commit else "not recorded"


def _use(about: About) -> str:
    labels = about.data.get("labels") or {}
    kind, names = labels.get("kind"), labels.get("names") or []
    if kind not in _SAYS:
        return "Not stated by the run."
    n = formats.count(labels.get("count") or len(names))
    listed = f": {', '.join(names)}" if 0 < len(names) <= 20 and kind != "token" else ""
    return f"{_SAYS[kind].format(n=n)}{listed}."


def _procedure(about: About) -> Iterator[tuple[str, str]]:
    config = about.config
    for key in ("task", "optimizer", "schedule"):
        part = config.get(key)
        if isinstance(part, Mapping):
            yield key.capitalize(), _arguments(part)
    data, trainer = config.get("data") or {}, config.get("trainer") or {}
    yield "Batch size", str(data.get("batch_size", "not recorded"))
    yield "Steps", str(about.summary.get("step") or trainer.get("steps", "not recorded"))
    yield "Seed", str(config.get("seed", "not recorded"))
    if config.get("precision") is not None:
        found = config["precision"]
        yield "Precision", _arguments(found) if isinstance(found, Mapping) else str(found)
    if about.summary.get("stopped"):
        yield "Stopped early", str(about.summary["stopped"])


def _arguments(part: Mapping[str, Any]) -> str:
    """`AdamW(learning_rate 0.001, …)` of a configured part, its plain arguments alone."""
    name = str(part.get("_target_", "")).rpartition(".")[2]
    plain = [
        f"{key} {value}"
        for key, value in part.items()
        if not key.startswith("_") and isinstance(value, int | float | str)
    ]
    return f"{name} ({', '.join(plain)})" if name and plain else name or ", ".join(plain)


def _part(record: Record) -> dict[str, Any]:
    analysis = record.analysis
    estimates = {**(analysis.get("abstaining") or {}), **analysis.get("estimates", {})}
    total = len(record.evaluation.predictions["index"])
    rows = []
    for name, found in _defined(record).items():
        estimate = estimates.get(name)
        ends = formats.span(name, estimate["low"], estimate["high"]) if estimate else ""
        n = formats.count(estimate["n"] if estimate else total)
        rows.append((formats.title(name), formats.metric(name, found), ends or "not measured", n))
    level = formats.rate(analysis.get("level", 0.95))
    return {"split": record.evaluation.split, "level": level, "rows": rows}


def _calibration(analysis: Mapping[str, Any]) -> list[str]:
    said = calibration_sentences(analysis)
    if not said:
        return ["Not measured."]
    if "temperature" in analysis:
        told = formats.number(analysis["temperature"])
        said.append(f"The temperature that fits best, on the data kept for calibration, is {told}.")
    if (analysis.get("abstaining") or {}).get("coverage"):
        said.append(answered(analysis["abstaining"]))
    return said


def _slices(analysis: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    if not analysis.get("slices"):
        return ["Not measured: no slices were asked for (`evaluation.analysis.slices`)."]
    gaps = gap_sentences(analysis.get("gaps", {}), names)
    return [
        standing_sentence(analysis["slices"]),
        *(gaps or ["Gaps between groups: not measured on these slices."]),
    ]


def _measure(analysis: Mapping[str, Any]) -> str:
    slices = analysis.get("slices") or [{"metrics": {"accuracy": None}}]
    return "accuracy" if "accuracy" in slices[0]["metrics"] else "loss"


def _slice_row(one: Mapping[str, Any]) -> tuple[str, ...]:
    measure = "accuracy" if "accuracy" in one["metrics"] else "loss"
    found = one["metrics"][measure]
    return (
        one["name"], formats.count(one["n"]),
        formats.value(measure, found["value"]),
        formats.span(measure, found["low"], found["high"]) or "—", one["standing"],
    )  # fmt: skip


def _drift(run: Path, analysis: Mapping[str, Any]) -> list[str]:
    kept = (run / FOLDER / "about.json").exists()
    said = [
        f"The reference that other data are measured against is in `{FOLDER}/`."
        if kept
        else "The run kept no reference that other data could be measured against."
    ]
    if analysis.get("drift"):
        said.append(f"On the {analysis['split']} split: {verdict_sentence(analysis['drift'])}")
    shift = analysis.get("shift")
    if shift and shift.get("shifts"):
        accuracy = analysis["estimates"].get("accuracy")
        said += [*warning_sentences(shift["shifts"], accuracy), *false_alarm_sentences(shift)]
    else:
        said.append("Under shifted inputs: not measured (`evaluation=full` does).")
    return said


def _limitations(about: About, first: Record | None) -> Iterator[str]:
    if first is None:
        yield "Nothing is known of how well it does: it has not been evaluated."
        return
    analysis, n = first.analysis, len(first.evaluation.predictions["index"])
    if not analysis:
        yield "Intervals, calibration, slices and drift were not measured."
    if n < _FEW:
        yield f"It was evaluated on {formats.count(n)} examples only; its numbers are uncertain."
    worse = [one["name"] for one in analysis.get("slices", ()) if one["standing"] == "worse"]
    if worse:
        yield f"It does worse on {', '.join(worse)}."
    error = analysis.get("estimates", {}).get("expected_calibration_error")
    if error and error["low"]:
        yield "Its confidence is not to be taken at its word: it is not calibrated."
    if not analysis.get("slices"):
        yield "Whether it serves all groups alike is not known: no slices were looked at."
    if not analysis.get("shift"):
        yield "How it fares as the inputs degrade is not known: the shift suite was not run."
    if not about.quality:
        yield "Whether its data hold copies across splits or wrong labels is not known."
    yield "Against inputs that were made to deceive it: not measured."
