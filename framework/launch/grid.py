"""Every combination of the values of lists and ranges."""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from framework.config.problem import InvalidConfig, Problem
from framework.config.swept import Dimension
from framework.launch.space import as_range
from framework.launch.trial import State


def combinations(space: Sequence[Dimension]) -> list[dict[str, Any]]:
    """All points, the last key varying fastest; each once.

    Raises:
        InvalidConfig: an interval, which has no end of points.
    """
    wrong = [one for one in space if one.kind == "interval"]
    if wrong:
        raise InvalidConfig(
            *(Problem(one.key, one.written, "a list or a range", _instead(one)) for one in wrong)
        )
    keys = [one.key for one in space]
    points = itertools.product(*(one.values for one in space))
    found: dict[str, dict[str, Any]] = {}
    for point in (dict(zip(keys, p, strict=True)) for p in points):
        found.setdefault(same(point), point)
    return list(found.values())


def _instead(one: Dimension) -> str:
    whole = as_range(one)
    listed = "list values" if whole is None else f"list values, as {one.key}={whole} does"
    return f"{listed}, or choose hydra/sweeper=optuna"


def numbered(
    points: Iterable[Mapping[str, Any]], known: Mapping[int, Mapping[str, Any]]
) -> dict[int, Mapping[str, Any]]:
    """Points by trial number: those that have one keep it, the others are numbered on."""
    before = {same(values): number for number, values in known.items()}
    fresh = itertools.count(max(known, default=-1) + 1)
    return {before.get(same(p)) if same(p) in before else next(fresh): p for p in points}  # type: ignore[misc]


def same(value: Any) -> str:
    """Equal for the same values, in whatever order their keys are.

    Numbers are the same by value, 0 and 0.0; true and false are no numbers.
    """
    return json.dumps(_by_value(value), sort_keys=True)


def _by_value(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: _by_value(one) for key, one in value.items()}
    return [_by_value(one) for one in value] if isinstance(value, list | tuple) else value


class Grid:
    """Gives out the points of a grid in the order of their numbers.

    Args:
        points: by number.
        given: numbers that are in the table already, and need not be proposed.
    """

    def __init__(self, points: Mapping[int, Mapping[str, Any]], given: Iterable[int] = ()) -> None:
        known = set(given)
        self._left = [(number, points[number]) for number in sorted(points) if number not in known]

    def propose(self) -> tuple[int, Mapping[str, Any]] | None:
        """The next."""
        return self._left.pop(0) if self._left else None

    def finished(self) -> bool:
        """Whether all are given out."""
        return not self._left

    def report(self, number: int, step: int, metrics: Mapping[str, float]) -> bool:
        """A grid prunes nothing."""
        del number, step, metrics
        return False

    def tell(self, number: int, state: State, result: Mapping[str, float] | None) -> None:
        """A grid learns nothing."""
        del number, state, result
