"""A whole sweep is checked before its first trial starts."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from framework.config.problem import InvalidConfig
from framework.config.swept import Dimension
from framework.launch.places import Opened
from framework.launch.request import Request
from framework.launch.sweep import Sweep

WHOLE = 24  # points of a grid that are all composed and checked; of more, each value once
_SECONDS = 1.0


class Mistakes(InvalidConfig):
    """Problems that another process found, as the lines it made of them."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self.problems = tuple(lines)  # type: ignore[assignment]


def check(request: Request, sweep: Sweep, opened: Opened) -> str:
    """Composes trials and checks the experiments they make; gives the metric that is watched.

    Raises:
        InvalidConfig: what is wrong, each mistake once.
    """
    run = Path(sweep.trials / "0")
    asked = {
        "words": [sweep.trial(request.fixed, 0, point).overrides for point in sample(request)],
        "metric": request.sweep.get("metric"),
        "devices": opened.local,
        "alone": opened.local,
    }
    del run
    opened.process.send({"check": asked})
    while True:
        answer = opened.process.hear(_SECONDS)
        if answer is not None and "checked" in answer:
            break
    found: dict[str, Any] = answer["checked"]
    if found["problems"]:
        raise Mistakes(found["problems"])
    return str(found["metric"])


def sample(request: Request) -> list[dict[str, Any]]:
    """Points of the space with every value of every key in them."""
    values = {one.key: _ends(one) for one in request.space}
    base = {key: several[0] for key, several in values.items()}
    return [base] + [
        {**base, key: value} for key, several in values.items() for value in several[1:]
    ]


def _ends(one: Dimension) -> list[Any]:
    if one.kind != "interval":
        return list(one.values)
    ends = [one.start, one.stop]
    return [int(end) if "int" in one.tags and end is not None else end for end in ends]
