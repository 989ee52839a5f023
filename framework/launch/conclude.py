"""The end of a sweep: its record, and the last lines."""

import shlex
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from framework.launch.objective import Objective, best
from framework.launch.request import Request
from framework.launch.sweep import KEY, Sweep
from framework.launch.table import Row
from framework.launch.trial import State

START_AGAIN = 75
RECORD = "sweep.json"
_OWN = ("run.dir=", "++evaluation.final=", "++evaluation.report=", "++tracker.wandb.group=")


def conclude(
    request: Request, sweep: Sweep, rows: Sequence[Row], wanted: Sequence[Objective],
    *, stopped: bool,
) -> int:  # fmt: skip
    """Writes `sweep.json`, says what came of the sweep; returns the exit code.

    Args:
        rows: of the trials, and of the confirmations where there are any.
    """
    trials = [row for row in rows if not _confirms(sweep, row)]
    counts = Counter(row.state for row in trials)
    confirmations = Counter(row.state for row in rows if _confirms(sweep, row))
    winners = best(trials, wanted)
    commands = {row.number: repeat(request, sweep, row) for row in winners}
    sweep.write_json(
        RECORD,
        {
            "objectives": [{"metric": o.metric, "maximize": o.maximize} for o in wanted],
            "best": [row.number for row in winners],
            "repeat": commands,
            "counts": dict(counts),
            "confirmations": dict(confirmations),
            "stopped": stopped,
        },
    )
    print(f"\nSweep     {sweep.path}")
    print(f"Trials    {_counted(counts)}")
    if confirmations:
        print(f"Confirm   {_counted(confirmations)}")
    for row in winners:
        values = "  ".join(f"{key}={value}" for key, value in row.values.items())
        results = "  ".join(f"{one.metric} {one.of(row):.6g}" for one in wanted)
        print(f"Best      trial {row.number}: {results}  {values}")
        print(f"Run       {sweep.trials / str(row.number)}")
        print(f"Repeat    {commands[row.number]}")
    failed = [row for row in rows if row.state == "failed"]
    for row in failed:
        print(f"Failed    {_called(sweep, row)}: {row.message}  ({row.run})", file=sys.stderr)
    if failed:
        print("To try those again: the same command with launch.retry_failed=true", file=sys.stderr)
    left = [row for row in rows if not row.ended]
    if stopped or left:
        print(f"{_left(sweep, left)}. The same command with {KEY}={sweep.path} goes on.")
        return START_AGAIN
    return 1 if failed else 0


def _counted(states: Mapping[State, int]) -> str:
    return ", ".join(f"{number} {state}" for state, number in states.items())


def _left(sweep: Sweep, left: Sequence[Row]) -> str:
    """Confirmations begin when no trial is left."""
    if not left:
        return "It was stopped before its end"
    name = _name(sweep, left[0])
    return f"One {name} is left" if len(left) == 1 else f"{len(left)} {name}s are left"


def _confirms(sweep: Sweep, row: Row) -> bool:
    return bool(row.run) and Path(row.run).parent != sweep.trials


def _name(sweep: Sweep, row: Row) -> str:
    return "confirmation" if _confirms(sweep, row) else "trial"


def _called(sweep: Sweep, row: Row) -> str:
    """What people call a trial, or a confirmation, whose numbers begin again."""
    return f"{_name(sweep, row)} {row.number}"


def repeat(request: Request, sweep: Sweep, row: Row) -> str:
    """The command that trains a trial's experiment by itself, with all that a run does."""
    words = sweep.trial(request.fixed, row.number, row.values).overrides
    kept = [word for word in words if not word.startswith(_OWN)]
    if request.by_file:
        kept.append("hydra.mode=RUN")
    return f"python -m experiments.run {shlex.join(kept)}"
