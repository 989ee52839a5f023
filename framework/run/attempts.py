"""How often a run was started, and what share of the time it trained: its goodput."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from framework.run.directory import write_text

Category = Literal[
    "start_up", "compile", "data_wait", "step", "checkpoint", "evaluation", "report"
]  # fmt: skip
CATEGORIES: tuple[Category, ...] = get_args(Category)
FOLDER = "attempts"


@dataclass(frozen=True)
class Attempt:
    """One start of a run, as it last wrote about itself.

    Attributes:
        number: from 1.
        begun, seen: seconds since 1970, of its start and of this record.
        from_step, step: where it began and how far it had come.
        seconds: by category.
    """

    number: int
    begun: float
    seen: float
    from_step: int
    step: int
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Goodput:
    """What the time since the first start was spent on.

    Attributes:
        share: of it that went into steps that were not lost.
        seconds: by category; `lost` is steps that were made again, `stopped` between attempts.
        attempts: how many.
    """

    share: float
    seconds: Mapping[str, float]
    attempts: int


def write_attempt(run: Path, attempt: Attempt) -> None:
    """Records the attempt in the run directory, in place of its last record."""
    write_text(run / FOLDER / f"{attempt.number}.json", json.dumps(asdict(attempt)) + "\n")


def read_attempts(run: Path) -> list[Attempt]:
    """The attempts of the run in this directory, by number."""
    files = (run / FOLDER).glob("*.json")
    found = (Attempt(**json.loads(file.read_text(encoding="utf-8"))) for file in files)
    return sorted(found, key=lambda attempt: attempt.number)


def goodput(attempts: Sequence[Attempt]) -> Goodput:
    """The time of all attempts together, and between them.

    An attempt that got further than where the next one began has lost the steps between; their
    time is its time in steps, in proportion.
    """
    seconds = dict.fromkeys((*CATEGORIES, "lost", "stopped"), 0.0)
    for attempt, later in zip(attempts, [*attempts[1:], None], strict=True):
        for name, value in attempt.seconds.items():
            seconds[name] = seconds.get(name, 0.0) + value
        if later is not None:
            made = max(attempt.step - attempt.from_step, 1)
            share = min(max(attempt.step - later.from_step, 0) / made, 1.0)
            lost = share * attempt.seconds.get("step", 0.0)
            seconds["lost"] += lost
            seconds["step"] -= lost
            seconds["stopped"] += max(later.begun - attempt.seen, 0.0)
    total = sum(seconds.values())
    return Goodput(seconds["step"] / total if total else 0.0, seconds, len(attempts))
