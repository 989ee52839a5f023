"""What stands in the cells of the registry's tables, and the same for a program."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from framework.evaluation import formats
from framework.registry import Model, Move, RegistryError, Store, Version
from framework.registry.blobs import read_file

NOTHING = "—"
_HEADLINES = (
    "accuracy", "label_accuracy", "bits_per_byte", "mean_absolute_error", "log_loss",
)  # fmt: skip
_CALIBRATION = "expected_calibration_error"


class Metrics(NamedTuple):
    """What an artifact's metrics.json says; no split where it names none."""

    split: str
    numbers: Mapping[str, float]


def read_metrics(store: Store, version: Version) -> Metrics | None:
    """As measured by the export; None where the file is damaged, which `verify` says more of."""
    try:
        found = json.loads(read_file(store, version, "metrics.json"))
    except FileNotFoundError:
        return Metrics("", {})
    except (RegistryError, ValueError):
        return None
    numbers = {name: value for name, value in found.items() if type(value) in (int, float)}
    return Metrics(str(found.get("split") or ""), numbers)


def main_metrics(metrics: Metrics | None) -> dict[str, float]:
    """Those without the parts: no intervals, classes and slices."""
    numbers = metrics.numbers if metrics is not None else {}
    return {name: value for name, value in numbers.items() if "/" not in name}


def measured_on(found: Iterable[Metrics | None]) -> str:
    """The head of a column of metrics: the test split where all are of it."""
    splits = {metrics.split for metrics in found if metrics is not None and metrics.numbers}
    return "On the test split" if splits <= {"test"} else "Measured"


def split_told(metrics: Metrics) -> str:
    """`the validation split`."""
    return f"the {metrics.split} split" if metrics.split else "a split without a name"


def headline(metrics: Metrics | None) -> str:
    """The metric that says most, with its interval: `accuracy 99.2% (97.6 to 99.7%)`; and the
    split, where it is not the test split.
    """
    if metrics is None:
        return "damaged, see verify"
    name = next((name for name in _HEADLINES if name in metrics.numbers), None)
    if name is None:
        return NOTHING
    where = "" if metrics.split == "test" else f"{metrics.split or 'unnamed split'}: "
    return f"{where}{formats.title(name)} {measured(name, metrics.numbers)}"


def calibration(metrics: Metrics | None) -> str:
    """The calibration error, with its interval."""
    numbers = metrics.numbers if metrics is not None else {}
    return measured(_CALIBRATION, numbers) if _CALIBRATION in numbers else NOTHING


def measured(name: str, numbers: Mapping[str, float]) -> str:
    """A metric and its interval."""
    ends = interval(name, numbers)
    text = formats.metric(name, numbers[name])
    return text if ends == NOTHING else f"{text} ({ends})"


def interval(name: str, numbers: Mapping[str, float]) -> str:
    """The ends of a metric's interval."""
    return formats.span(name, numbers.get(f"{name}/low"), numbers.get(f"{name}/high")) or NOTHING


def when(time: str) -> str:
    """A time of the log to the minute, UTC."""
    return f"{datetime.fromisoformat(time):%Y-%m-%d %H:%M}"


def commit(version: Version) -> str:
    """The first digits of the commit it was made with; a + where not all was committed."""
    found = version.about.get("commit")
    changed = "+" if version.about.get("uncommitted_changes") else ""
    return f"{str(found)[:10]}{changed}" if found else NOTHING


def aliases(model: Model, version: Version) -> list[str]:
    """Those that mean the version."""
    return [alias for alias, number in model.aliases.items() if number == version.number]


def forced(move: Move) -> str:
    """Why gates that failed did not count."""
    return f", forced: {move.forced}" if move.forced else ""


def gate_row(gate: Mapping[str, Any]) -> tuple[str, str, str]:
    """A gate's name, whether it let the version pass, and what it found."""
    return gate["gate"], "passed" if gate["passed"] else "FAILED", gate["sentence"]


def move_row(move: Move) -> tuple[str, ...]:
    """When, alias, from, to, by, how, reason."""
    failed = [gate["gate"] for gate in move.gates if not gate["passed"]]
    how = move.entry.kind
    if failed:
        how += f", forced past {', '.join(failed)}"
    elif move.gates:
        how += f", {formats.some(len(move.gates), 'gate')} passed"
    before = NOTHING if move.before is None else str(move.before)
    reason = "; ".join(filter(None, (move.entry.reason, move.forced))) or NOTHING
    return (
        when(move.entry.time), move.alias, before, str(move.version), move.entry.by, how, reason,
    )  # fmt: skip


def move_values(move: Move) -> dict[str, Any]:
    """The same for a program."""
    return {
        "alias": move.alias, "before": move.before, "version": move.version,
        "kind": move.entry.kind, "time": move.entry.time, "by": move.entry.by,
        "reason": move.entry.reason, "forced": move.forced, "gates": list(move.gates),
    }  # fmt: skip


def version_values(model: Model, version: Version, metrics: Metrics | None) -> dict[str, Any]:
    """A version for a program."""
    return {
        "model": model.name, "version": version.number, "aliases": aliases(model, version),
        "pushed": version.entry.time, "by": version.entry.by, "reason": version.entry.reason,
        "bytes": version.size, "split": metrics.split if metrics is not None else None,
        "metrics": dict(metrics.numbers) if metrics is not None else None,
        "about": dict(version.about),
    }  # fmt: skip


def signature_facts(signature: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What it takes and gives: `uint8 [batch, 8, 8, 1], 0 to 16, pixels`."""
    for kind in ("inputs", "outputs"):
        for name, one in (signature.get(kind) or {}).items():
            shape = ", ".join(map(str, one.get("shape", ())))
            parts = [f"{one.get('dtype', '')} [{shape}]"]
            if one.get("range"):
                parts.append("{:g} to {:g}".format(*one["range"]))
            if one.get("units"):
                parts.append(str(one["units"]))
            if one.get("classes"):
                parts.append(f"{len(one['classes'])} classes")
            yield f"{'Takes' if kind == 'inputs' else 'Gives'} {name}", ", ".join(parts)


def lineage_facts(version: Version) -> Iterator[tuple[str, str]]:
    """What it came from, a line each."""
    about = version.about
    run, data = about.get("run") or {}, about.get("data") or {}
    step = f", step {run['step']}" if run.get("step") is not None else ""
    yield "Run", f"{run.get('directory', NOTHING)}{step}"
    yield "Config", f"sha256 {run['config_sha256']}" if run.get("config_sha256") else NOTHING
    if run.get("wandb"):
        yield "W&B", str(run["wandb"])
    yield "Data", f"{data.get('name', NOTHING)}, fingerprint {data.get('fingerprint', NOTHING)}"
    changed = ", with changes that were not committed" * bool(about.get("uncommitted_changes"))
    yield "Commit", f"{about.get('commit') or NOTHING}{changed}"
    for made, packages in (about.get("versions") or {}).items():
        yield f"{made.capitalize()} with", _told(packages)
    for name in ("teacher", "parents"):
        if about.get(name):
            yield name.capitalize(), _told(about[name])
    yield "Exported", str(about.get("created", NOTHING))
    yield "Log entry", f"{version.entry.number}, sha256 {version.entry.sha256}"


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_told(one)}" for name, one in value.items())
    return "; ".join(map(_told, value)) if isinstance(value, list) else str(value)
