"""Where a run's time went, and the steps that it left out, as the report shows them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.evaluation.formats import count, duration, share
from framework.run import goodput, read_attempts

_NAMES = {
    "step": "Steps", "compile": "Compiling", "data_wait": "Waiting for data",
    "evaluation": "Evaluation", "report": "Analysis and report", "checkpoint": "Checkpoints",
    "start_up": "Start-up", "lost": "Steps made again", "stopped": "Between the starts",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A part of the time: its name, how long, and its share of all of it."""

    name: str
    time: str
    share: float


@dataclass(frozen=True)
class Effort:
    """All starts of a run together.

    Attributes:
        sentence: how often it was started, how long it took, what share of that trained.
        parts: the longest first, those of less than a thousandth left out.
        bad_steps: a line each.
    """

    sentence: str
    parts: list[Part]
    bad_steps: list[str]


def read_effort(run: Path) -> Effort | None:
    """What the run's own records say; None where it kept none."""
    attempts = read_attempts(run)
    if not attempts:
        return None
    found = goodput(attempts)
    starts = "one start" if found.attempts == 1 else f"{count(found.attempts)} starts"
    total = duration(sum(found.seconds.values()))
    sentence = f"{total} in {starts}, of which {share(found.share)} went into steps."
    return Effort(sentence, parts_of(found.seconds), [_told(bad) for bad in _bad_steps(run)])


def parts_of(seconds: Mapping[str, float]) -> list[Part]:
    """Seconds by category for people, the longest first; what is next to nothing is left out."""
    total = sum(seconds.values())
    return [
        Part(_NAMES.get(name, name), duration(value), value / total)
        for name, value in sorted(seconds.items(), key=lambda item: -item[1])
        if total and value > total / 1000
    ]


def _bad_steps(run: Path) -> list[dict[str, Any]]:
    file = run / "bad_steps.json"
    if not file.exists():
        return []
    found: list[dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _told(bad: dict[str, Any]) -> str:
    done = {
        "skip": "left out", "rewind": f"gone back, {len(bad['passed_over'])} batches passed over",
        "stop": "stopped",
    }  # fmt: skip
    return f"Step {count(bad['step'])}: {bad['why']}; {done.get(bad['action'], bad['action'])}."
