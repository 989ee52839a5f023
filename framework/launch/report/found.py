"""What a sweep's directory holds, read for its page."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framework.config.problem import InvalidConfig, Problem
from framework.launch.confirm import FOLDER as CONFIRMATIONS
from framework.launch.confirm import read_records
from framework.launch.evidence import SPLIT
from framework.launch.objective import Objective, best, objectives
from framework.launch.report.axis import Axis, axis, told_apart
from framework.launch.request import Request
from framework.launch.sweep import RECORD, Sweep
from framework.launch.table import FILE, Row, Table

# metric → steps [n] and values [n]
Curves = Mapping[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Found:
    """A sweep, as far as it has come.

    Attributes:
        request: what was asked for; without its space, whose words only Hydra understands.
        axes: of the swept keys.
        best: the winner, or the Pareto front.
        confirmed: `confirmed.json`, of each trial and metric one; empty where there is none.
        confirmations: the trials that it rests on, and those that are under way.
    """

    sweep: Sweep
    request: Request
    rows: list[Row]
    wanted: tuple[Objective, ...]
    axes: list[Axis]
    best: list[Row]
    confirmed: list[dict[str, Any]]
    confirmations: list[Row]

    def run(self, row: Row) -> Path:
        """The run directory of a trial."""
        return self.sweep.trials / str(row.number)

    def curves(self, row: Row) -> Curves:
        """The evaluations of a trial."""
        return read_evaluations(self.run(row) / "metrics.jsonl", [o.metric for o in self.wanted])


def read_sweep(directory: Path) -> Found:
    """From `sweep.yaml`, `trials.jsonl` and `confirmed.json`.

    Raises:
        InvalidConfig: it is no sweep's directory.
    """
    sweep = Sweep(directory)
    record = sweep.record()
    if record is None:
        hint = f"it has no {RECORD}"
        raise InvalidConfig(Problem("SWEEP", directory, "the directory of a sweep", hint))
    sweeper, launcher = dict(record.get("sweeper") or {}), dict(record.get("launcher") or {})
    request = Request(
        name=str(record.get("name")), directory=directory, fixed=tuple(record.get("fixed") or ()),
        space=(), sweeper=str(sweeper.pop("name", "grid")), sweeper_settings=sweeper,
        launcher=str(launcher.pop("name", "local")), launch=launcher,
        sweep=record.get("sweep") or {},
    )  # fmt: skip
    rows = list(sweep.table())
    wanted = objectives(request, record.get("metrics") or [])
    tried = [row.values for row in rows]
    return Found(
        sweep, request, rows, wanted,
        told_apart([axis(k, v, tried) for k, v in (record.get("space") or {}).items()]),
        best(rows, wanted) if wanted else [], read_records(sweep),
        list(Table(directory / CONFIRMATIONS / FILE)),
    )  # fmt: skip


def read_evaluations(file: Path, metrics: list[str]) -> Curves:
    """Steps and values of the watched split's metrics in a `metrics.jsonl`; NaN is left out."""
    names, points = {f"{SPLIT}{m}": m for m in metrics}, {m: dict[int, float]() for m in metrics}
    for line in _lines(file):
        if SPLIT.encode() not in line:  # most lines are of steps, and reading them takes long
            continue
        try:
            found = json.loads(line)
        except ValueError:  # cut short by a kill
            continue
        for name in names.keys() & found.keys():
            value = found[name]
            if isinstance(value, int | float) and math.isfinite(value):
                points[names[name]][int(found["step"])] = float(value)
    return {
        metric: (np.array(list(by_step), float), np.array(list(by_step.values()), float))
        for metric, by_step in ((m, dict(sorted(p.items()))) for m, p in points.items())
    }


def _lines(file: Path) -> list[bytes]:
    return file.read_bytes().splitlines() if file.exists() else []
