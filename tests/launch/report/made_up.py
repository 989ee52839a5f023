"""Sweep directories as a driver leaves them, without a training."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from framework.launch.confirm import RECORD as CONFIRMED
from framework.launch.confirm import record as confirmed
from framework.launch.objective import Objective
from framework.launch.table import Row, Table

SPACE = {
    "optimizer.learning_rate": {"written": "tag(log,interval(1e-4,1e-1))"},
    "model.widths": {"written": "[16],[32,16]", "values": [[16], [32, 16]]},
}
STEPS = (20, 40, 60)


def make(
    folder: Path, rows: Sequence[Row], space: Mapping[str, Any] = SPACE,
    metrics: Sequence[str] = ("accuracy",), **launcher: Any,
) -> Path:  # fmt: skip
    """A sweep of these rows; those that ran have a run directory with evaluations."""
    folder.mkdir(exist_ok=True)
    record = {
        "name": "digits", "fixed": ["experiment=digits", "trainer.steps=60"],
        "space": dict(space), "sweeper": {"name": "grid"}, "metrics": list(metrics),
        "sweep": {"metric": None, "direction": "auto", "confirm": 0},
        "launcher": {"name": "local", **launcher},
    }  # fmt: skip
    (folder / "sweep.yaml").write_text(yaml.safe_dump(record, sort_keys=False))
    if rows:
        Table(folder / "trials.jsonl").put(*rows)
    for row in rows:
        if row.tries:
            write_run(folder / "trials" / str(row.number), row)
    return folder


def write_run(run: Path, row: Row) -> None:
    """As much of a run directory as the page reads."""
    (run / "attempts").mkdir(parents=True)
    metrics = [
        {"step": step, **{name: value * step / STEPS[-1] for name, value in row.result.items()}}
        for step in STEPS
        if row.state != "pruned" or step < STEPS[-1]
    ]
    lines = [{"step": 10, "loss": 1.0}, *metrics]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    attempt = {
        "number": 1, "begun": 0.0, "seen": 10.0, "from_step": 0, "step": 60,
        "seconds": {"step": 6.0, "compile": 2.0 if row.number < 2 else 0.001, "start_up": 2.0},
    }  # fmt: skip
    (run / "attempts" / "1.json").write_text(json.dumps(attempt))


def row(number: int, state: Any = "done", accuracy: float | None = None, **more: Any) -> Row:
    """A trial of `SPACE`."""
    values = {
        "optimizer.learning_rate": round(10.0 ** (-4 + 3 * (number * 0.37 % 1)), 6),
        "model.widths": [[16], [32, 16]][number % 2],
    }
    result = {} if accuracy is None else {
        "validation/accuracy": accuracy, "validation/examples": 400.0,
    }  # fmt: skip
    given = {"tries": 1, "seconds": 12.0, "device": "cpu", "result": result, **more}
    return Row(number, given.pop("values", values), state, **given)


def several() -> list[Row]:
    """Some of every kind."""
    return [
        row(0, accuracy=0.71), row(1, accuracy=0.62), row(2, accuracy=0.93), row(3, accuracy=0.9),
        row(4, "pruned", accuracy=0.4, message="pruned at step 40"),
        row(5, "failed", message="Stopped: in step 2 the loss is nan", tries=2),
        row(6, "running", seconds=0.0), row(7, "waiting", tries=0, seconds=0.0),
        row(8, accuracy=0.55, packed=True),
    ]  # fmt: skip


def two_objectives() -> list[Row]:
    """Of which trials 1, 2 and 3 are the front."""
    pairs = [(0.7, 0.9), (0.75, 0.5), (0.8, 0.6), (0.9, 0.8), (0.72, 0.95)]
    results = [{"validation/accuracy": a, "validation/log_loss": b} for a, b in pairs]
    return [row(number, result=result) for number, result in enumerate(results)]


def confirm(folder: Path, chosen: Row, values: Sequence[float], test: Sequence[float]) -> None:
    """Confirmations with these results on the validation and the test split."""
    found = {
        str(1000 + n): {"metrics": {"validation/accuracy": v, "test/accuracy": t}}
        for n, (v, t) in enumerate(zip(values, test, strict=True))
    }
    said = confirmed(chosen, Objective("accuracy", True), found)
    (folder / CONFIRMED).write_text(json.dumps(said))
    (folder / "confirm").mkdir()
    rows = [
        row(n, accuracy=v, values={**chosen.values, "seed": 1000 + n}) for n, v in enumerate(values)
    ]
    Table(folder / "confirm" / "trials.jsonl").put(*rows)


def confirm_front(folder: Path, front: Sequence[Row]) -> None:
    """Two confirmations of each, which are a little worse than what was chosen."""
    wanted = [Objective("accuracy", True), Objective("log_loss", False)]
    records = [
        confirmed(chosen, one, {
            str(1000 + n): {"metrics": {
                f"{split}/{one.metric}": one.of(chosen) + 0.02 * n * (-1 if one.maximize else 1)
                for split in ("validation", "test")
            }}
            for n in range(2)
        })
        for chosen in front
        for one in wanted
    ]  # fmt: skip
    (folder / CONFIRMED).write_text(json.dumps(records))
