"""Every trial: a line of the table, and a line of the parallel coordinates."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from framework.evaluation import formats
from framework.launch.report.axis import Axis
from framework.launch.report.found import Found
from framework.launch.table import Row

_ORDER = ("done", "running", "pruned", "failed", "waiting")


@dataclass(frozen=True)
class Line:
    """A trial as the table shows it.

    Attributes:
        link: to its own report, or to its directory where it has none.
        tone: `best`, or as other tables have it.
    """

    number: int
    link: str
    state: str
    results: list[str]
    values: list[str]
    time: str
    tries: int
    message: str
    tone: str


def lines(found: Found) -> list[Line]:
    """The best first, then by state."""
    best = {row.number for row in found.best}
    return [
        Line(
            row.number, _link(found, row), row.state,
            [_metric(one.metric, one.of(row)) for one in found.wanted],
            [one.text(row.values[one.key]) if one.key in row.values else "" for one in found.axes],
            formats.duration(row.seconds) if row.seconds else "", row.tries, row.message,
            _tone(row, best),
        )
        for row in sorted(found.rows, key=lambda row: _rank(found, row, best))
    ]  # fmt: skip


def coordinates(found: Found, results: Sequence[Axis]) -> dict[str, Any]:
    """Axes with their ticks, and the place of each trial on them, all in shares of an axis.

    Trials without a first result have no line.
    """
    best = {row.number for row in found.best}
    shown = [r for r in found.rows if found.wanted and math.isfinite(found.wanted[0].of(r))]
    axes = [*found.axes, *results]
    return {
        "axes": [
            {
                "title": one.title, "result": one in results,
                "ticks": [[one.share(value), said] for value, said in one.ticks()],
            }
            for one in axes
        ],
        "trials": [
            {
                "number": row.number, "best": row.number in best, "state": row.state,
                "at": [
                    *(one.place(row.values.get(one.key)) for one in found.axes),
                    *(a.place(o.of(row)) for a, o in zip(results, found.wanted, strict=True)),
                ],
                "good": _good(found, row, results),
                "said": [_metric(one.metric, one.of(row)) for one in found.wanted],
            }
            for row in shown
        ],
    }  # fmt: skip


def as_script(value: object) -> str:
    """JSON that may stand in a page's script element: nothing in it ends that."""
    plain = json.dumps(value, allow_nan=False)
    return plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _link(found: Found, row: Row) -> str:
    folder = f"trials/{row.number}/"
    if (found.run(row) / "report.html").exists():
        return f"{folder}report.html"
    return folder if found.run(row).is_dir() else ""


def _good(found: Found, row: Row, results: Sequence[Axis]) -> float:
    """How far along the first result is in its better direction, of 0 to 1."""
    place = results[0].place(found.wanted[0].of(row))
    if place is None:
        return 0.0
    return place if found.wanted[0].maximize else 1 - place


def _metric(name: str, value: float) -> str:
    return formats.metric(name, value) if math.isfinite(value) else "—"


def _rank(found: Found, row: Row, best: set[int]) -> tuple[Any, ...]:
    value = found.wanted[0].of(row) if found.wanted else math.nan
    signed = -value if found.wanted and found.wanted[0].maximize else value
    apart = not math.isfinite(signed)
    return row.number not in best, _ORDER.index(row.state), apart, 0 if apart else signed


def _tone(row: Row, best: set[int]) -> str:
    if row.number in best:
        return "best"
    return {"failed": "worse", "done": ""}.get(row.state, "faint")
