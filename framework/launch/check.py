"""A whole sweep is checked before its first trial starts."""

import contextlib
from collections.abc import Sequence
from typing import Any

from framework.config.problem import InvalidConfig, Problem
from framework.config.swept import Dimension
from framework.launch.places import Opened
from framework.launch.request import Request
from framework.launch.space import as_range
from framework.launch.sweep import Sweep, words

MOST = 24  # values of all ranges that are tried; the others lie between those
MOST_LISTED = 200  # of all lists, each 3 to 20 ms; more are checked when their trials start
TRIES = 3


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
    found = _answer(opened, asked)
    if found["problems"]:
        problems = [Problem(**one) for one in found["problems"]]
        raise InvalidConfig(*_as_written(problems, request.space))
    return tuple(found["metrics"])


def _as_written(problems: Sequence[Problem], space: Sequence[Dimension]) -> list[Problem]:
    """An interval over a key of whole numbers is one mistake, not one at each of its ends."""
    intervals = {one.key.lstrip("+"): one for one in space if one.kind == "interval"}
    told: dict[str, Problem] = {}
    for problem in problems:
        one = intervals.get(problem.key)
        whole = as_range(one) if one is not None else None
        if one is not None and whole is not None and "integer" in problem.expected:
            expected = "whole numbers, which an interval does not keep to"
            told[one.key] = Problem(problem.key, one.written, expected, f"{one.key}={whole} does")
        else:
            told[str(problem)] = problem
    return list(told.values())


def _answer(opened: Opened, asked: dict[str, Any]) -> dict[str, Any]:
    """What the process found, or another one where it was killed."""
    for _ in range(TRIES):
        with contextlib.suppress(EOFError):
            found: dict[str, Any] = opened.ask({"check": asked})["checked"]
            return found
    raise RuntimeError(f"the process that checks the sweep was ended {TRIES} times")


def sample(request: Request) -> list[dict[str, Any]]:
    """Points of the space with every listed value in them, and some of each range."""
    lists = [one for one in request.space if one.kind == "list"]
    total = sum(len(one.values) for one in lists)
    listed = total if total <= MOST_LISTED else max(2, MOST_LISTED // len(lists))
    ranged = max(2, MOST // max(len(request.space), 1))
    values = {
        one.key: _tried(one, listed if one.kind == "list" else ranged) for one in request.space
    }
    base = {key: several[0] for key, several in values.items()}
    return [base] + [
        {**base, key: value} for key, several in values.items() for value in several[1:]
    ]


def _tried(one: Dimension, most: int) -> list[Any]:
    """All values, or so many from one end to the other."""
    if one.kind == "interval":
        return [one.start, one.stop]
    values, last = list(one.values), len(one.values) - 1
    if len(values) <= most:
        return values
    return [values[round(n * last / (most - 1))] for n in range(most)]
