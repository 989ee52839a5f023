"""The end of a sweep: its record, and the last lines."""

import math
import shlex
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

from framework.launch.request import Request
from framework.launch.sweep import Sweep
from framework.launch.table import Row, Table
from framework.stats.direction import higher_is_better

START_AGAIN = 75
RECORD = "sweep.json"


def conclude(request: Request, sweep: Sweep, table: Table, metric: str, *, stopped: bool) -> int:
    """Writes `sweep.json`, says what came of the sweep; returns the exit code."""
    rows = list(table)
    maximise = higher_is_better(metric, request.sweep.get("direction") or "auto")
    best = best_of(rows, metric, maximise=maximise)
    counts = Counter(row.state for row in rows)
    sweep.write_json(
        RECORD,
        {
            "metric": metric, "maximise": maximise, "best": best.number if best else None,
            "counts": dict(counts), "stopped": stopped,
        },
    )  # fmt: skip
    print(f"\nSweep     {sweep.path}")
    print("Trials    " + ", ".join(f"{n} {state}" for state, n in counts.items()))
    if best is not None:
        again = sweep.trial(request.fixed, best.number, best.values)
        print(f"Best      trial {best.number}: {metric} {value(best, metric):.6g}  {shown(best)}")
        print(f"Run       {again.run}")
        words = [word for word in again.overrides if not word.startswith(("run.dir=", "++eval"))]
        print(f"Repeat    python -m experiments.run {shlex.join(words)}")
    failed = [row for row in rows if row.state == "failed"]
    for row in failed:
        print(f"Failed    trial {row.number}: {row.message}  ({sweep.trials / str(row.number)})",
              file=sys.stderr)  # fmt: skip
    left = sum(not row.ended for row in rows)
    if stopped or left:
        print(f"{left} trials are left. The same command with hydra.sweep.dir={sweep.path} goes on.")
        return START_AGAIN
    return 1 if failed else 0


def best_of(rows: Iterable[Row], metric: str, *, maximise: bool) -> Row | None:
    """The finished trial with the best finite value."""
    ended = [row for row in rows if row.state == "done" and math.isfinite(value(row, metric))]
    sign = 1 if maximise else -1
    return max(ended, key=lambda row: sign * value(row, metric), default=None)


def value(row: Row, metric: str) -> float:
    """Of the watched split; NaN where there is none."""
    found: Any = row.result.get(f"validation/{metric}")
    return math.nan if found is None else float(found)


def shown(row: Row) -> str:
    """Its values in words."""
    return "  ".join(f"{key}={one}" for key, one in row.values.items())
