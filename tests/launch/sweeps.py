"""Sweeps as a user starts them, with the smallest runs there are."""

import json
from pathlib import Path
from typing import Any

from framework.launch.table import Row, Table
from tests.experiments.launch import SMALL, Ended, launch, start

# Every number of a step on a line, so that a step made twice would be seen. No page at the end,
# whose drawing takes longer than the trials.
TINY = (
    *SMALL, "trainer.log_every=1", "trainer.steps_per_call=1", "trainer.deterministic=true",
    "evaluation.report=false",
)  # fmt: skip


def words(*more: str, directory: str = "sweep") -> list[str]:
    """The command line of a sweep."""
    return ["--multirun", *TINY, f"hydra.sweep.dir={directory}", *more]


def sweep(folder: Path, *more: str) -> Ended:
    """A sweep from start to end."""
    return launch(*words(*more), cwd=folder)


def begin(folder: Path, *more: str) -> Any:
    """A sweep that is under way."""
    return start(*words(*more), cwd=folder)


def rows(folder: Path) -> list[Row]:
    """Its table."""
    return list(Table(folder / "sweep" / "trials.jsonl"))


def states(folder: Path) -> list[str]:
    """Of its trials."""
    return [row.state for row in rows(folder)]


def logged(run: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def losses(run: Path) -> list[tuple[int, float]]:
    """Step and training loss of each line, in their order."""
    return [(line["step"], line["loss"]) for line in logged(run) if "loss" in line]


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    """Whether a process is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
