"""A place where trials end as a script says, and a source that remembers what it was told."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.launch.place import Ended
from framework.launch.table import Row
from framework.launch.trial import Trial


def end_well(run: Path, value: float = 0.5) -> None:
    """What a complete run leaves."""
    run.mkdir(parents=True, exist_ok=True)
    metrics = {"validation/accuracy": value}
    (run / "summary.json").write_text(json.dumps({"complete": True, "metrics": metrics}))


def save(run: Path, step: int) -> None:
    """What a checkpoint leaves."""
    folder = run / "checkpoints" / str(step)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_text("{}")


@dataclass
class FakePlace:
    """Attributes:
    outcome: the exit code of a try, by the trial and how many tries it had before.
    width: trials at once.
    order: which of those that run ends next.
    """

    outcome: Callable[[Trial, int], int | None]
    width: int = 2
    order: Callable[[int], int] = lambda count: 0
    running: list[Trial] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    stopped: list[bool] = field(default_factory=list)

    def free(self) -> int:
        return self.width - len(self.running)

    def start(self, trials: Sequence[Trial]) -> None:
        assert len(trials) <= self.free()
        for trial in trials:
            assert trial.number not in [one.number for one in self.running]
            self.running.append(trial)
            self.started.append(trial.number)

    def wait(self, seconds: float) -> list[Ended]:
        if not self.running:
            return []
        trial = self.running.pop(self.order(len(self.running)))
        code = self.outcome(trial, self.started.count(trial.number) - 1)
        if code == 0:
            end_well(trial.run)
        return [Ended(trial.number, code, "it says why" if code else "", "fake", 1.0)]

    def stop(self, at_once: bool) -> None:
        self.stopped.append(at_once)
        if at_once:
            self.running.clear()


@dataclass
class Watching:
    """An observer and a source's ears."""

    rows: list[Row] = field(default_factory=list)
    evaluations: list[tuple[int, int]] = field(default_factory=list)

    def row(self, row: Row) -> None:
        self.rows.append(row)

    def evaluated(self, number: int, step: int, metrics: Mapping[str, Any]) -> None:
        self.evaluations.append((number, step))

    def tick(self) -> None:
        pass
