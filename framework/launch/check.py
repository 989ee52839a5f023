"""A whole sweep is checked before its first trial starts."""

from typing import Any

from framework.config.problem import InvalidConfig, Problem
from framework.config.swept import Dimension
from framework.launch.places import Opened
from framework.launch.request import Request
from framework.launch.sweep import Sweep, words

MOST = 64  # values of a key that are tried
_SECONDS = 1.0


def check(request: Request, sweep: Sweep, opened: Opened) -> tuple[str, ...]:
    """Composes trials and checks the experiments they make; gives the metrics to compare by.

    Raises:
        InvalidConfig: what is wrong, each mistake once.
    """
    run = sweep.trials / "checked"  # where nothing is
    asked = {
        "words": [words(request.fixed, point, run, ["validation"]) for point in sample(request)],
        "metrics": request.sweep.get("metric"),
        "devices": opened.local,
        "alone": opened.local,
        "packed": opened.local and request.launch.get("packed") is True,
    }
    opened.process.send({"check": asked})
    while True:
        answer = opened.process.hear(_SECONDS)
        if answer is not None and "checked" in answer:
            break
    found: dict[str, Any] = answer["checked"]
    if found["problems"]:
        raise InvalidConfig(*(Problem(**one) for one in found["problems"]))
    return tuple(found["metrics"])


def sample(request: Request) -> list[dict[str, Any]]:
    """Points of the space with every value of every key in them, or many."""
    values = {one.key: _ends(one) for one in request.space}
    base = {key: several[0] for key, several in values.items()}
    return [base] + [
        {**base, key: value} for key, several in values.items() for value in several[1:]
    ]


def _ends(one: Dimension) -> list[Any]:
    if one.kind != "interval":
        return list(one.values[: MOST // 2] + one.values[MOST // 2 :][-MOST // 2 :])
    return [one.start, one.stop]
