"""What trials are compared by."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from framework.config.problem import InvalidConfig, Problem
from framework.launch.evidence import SPLIT
from framework.launch.request import Request
from framework.launch.table import Row
from framework.stats.direction import Direction, higher_is_better


@dataclass(frozen=True)
class Objective:
    """A metric of the validation split, and whether more of it is better."""

    metric: str
    maximize: bool

    def of(self, row: Row) -> float:
        """A trial's value; NaN where it has none."""
        found = row.result.get(f"{SPLIT}{self.metric}")
        return math.nan if found is None else float(found)


def objectives(request: Request, metrics: Sequence[str]) -> tuple[Objective, ...]:
    """The metrics with their directions.

    Raises:
        InvalidConfig: `sweep.direction` is not one for each.
    """
    given = request.sweep.get("direction") or "auto"
    directions: list[Direction]
    directions = [given] * len(metrics) if isinstance(given, str) else list(given)  # type: ignore[list-item]
    if len(directions) != len(metrics) or not {"max", "min", "auto"}.issuperset(directions):
        expected = "max, min or auto, for each metric"
        raise InvalidConfig(Problem("sweep.direction", given, expected))
    pairs = zip(metrics, directions, strict=True)
    return tuple(Objective(metric, higher_is_better(metric, which)) for metric, which in pairs)


def best(rows: Iterable[Row], wanted: Sequence[Objective]) -> list[Row]:
    """The finished trial with the best value; of several objectives, all that no other is better
    than in each (the Pareto front).
    """
    ended = [
        row for row in rows
        if row.state == "done" and all(math.isfinite(one.of(row)) for one in wanted)
    ]  # fmt: skip
    if len(wanted) == 1:
        return sorted(ended, key=lambda row: _signed(wanted[0], row))[-1:]
    return [row for row in ended if not any(_beats(other, row, wanted) for other in ended)]


def _beats(one: Row, other: Row, wanted: Sequence[Objective]) -> bool:
    pairs = [(_signed(o, one), _signed(o, other)) for o in wanted]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _signed(one: Objective, row: Row) -> float:
    return one.of(row) if one.maximize else -one.of(row)
