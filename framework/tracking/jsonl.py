"""metrics.jsonl: every logged scalar, one line a step."""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


class JsonLines:
    """Writes `{"step": 10, "loss": 0.5}`. Several calls for one step end up in one line.

    A number that is not finite is null, as JSON has no other way to say it. Lines after
    `resume_step` (None: all) of a file that is there are cut, and so is a torn last line.
    Pictures, tables, texts and artifacts are not recorded here.
    """

    def __init__(self, path: Path, resume_step: int | None) -> None:
        _cut(path, -1 if resume_step is None else resume_step)
        path.touch()
        self._file = path.open("r+b")
        self._line, self._start = _last_line(path)
        self._file.seek(0, os.SEEK_END)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One line, or a longer one in place of the last where that is of the same step."""
        new = {name: _number(value) for name, value in values.items() if name != "step"}
        if self._line.get("step") == step:
            self._line |= new
            self._file.seek(self._start)
        else:
            self._line = {"step": step, **new}
            self._start = self._file.tell()
        self._file.write(json.dumps(self._line, allow_nan=False).encode() + b"\n")
        self._file.truncate()

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """Not recorded."""

    def table(
        self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Not recorded."""

    def text(self, step: int, name: str, markdown: str) -> None:
        """Not recorded."""

    def artifact(self, name: str, kind: str, path: Path) -> None:
        """Not recorded."""

    def hyperparameters(self, values: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """Not recorded: the run directory has its config."""

    def flush(self) -> None:
        """Hand all lines to the operating system."""
        self._file.flush()

    def close(self, succeeded: bool) -> None:  # noqa: ARG002
        """Flush and close."""
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl by rising step, one a step; torn lines are left out.

    null is read as NaN. An absent file has no lines.
    """
    if not path.is_file():
        return []
    steps: dict[int, dict[str, Any]] = {}
    for raw in path.read_bytes().splitlines():
        line = _parsed(raw)
        if line is not None:
            steps.setdefault(line["step"], {}).update(line)
    return [
        {name: math.nan if value is None else value for name, value in steps[step].items()}
        for step in sorted(steps)
    ]


def _number(value: float) -> float | int | None:
    number = value if isinstance(value, int) else float(value)
    return number if math.isfinite(number) else None


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(raw)
    except ValueError:
        return None
    return line if isinstance(line, dict) and isinstance(line.get("step"), int) else None


def _cut(path: Path, step: int) -> None:
    """Drop lines after `step` and torn ones: atomically, so that a kill loses nothing."""
    if not path.exists():
        return
    lines = path.read_bytes().splitlines(keepends=True)
    kept = [r for r in lines if r.endswith(b"\n") and (p := _parsed(r)) and p["step"] <= step]
    if kept != lines:
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        with temporary.open("wb") as file:
            file.writelines(kept)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


def _last_line(path: Path) -> tuple[dict[str, Any], int]:
    """The last line, and where it begins."""
    lines = path.read_bytes().splitlines(keepends=True)
    if not lines:
        return {}, 0
    return _parsed(lines[-1]) or {}, sum(map(len, lines[:-1]))
