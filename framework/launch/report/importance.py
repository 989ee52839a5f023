"""How much each swept key matters, as the page shows it."""

import math

from framework.evaluation.formats import share, title
from framework.evaluation.sections.pieces import Cell, Row, Table
from framework.launch.grid import same
from framework.launch.objective import Objective
from framework.launch.report.axis import Axis
from framework.launch.report.found import Found
from framework.launch.space import Choice, Interval, Parameter

NEEDS = "How much each key matters is told with Optuna: pip install 'framework[sweep]'"


def importance(found: Found, one: Objective) -> Table | None:
    """A bar for each key; None where too little is known, or too few keys are swept.

    Raises:
        ImportError: Optuna is not installed.
    """
    from framework.launch.study.importance import importances

    keys = [axis for axis in found.axes if all(axis.key in row.values for row in found.rows)]
    done = [row for row in found.rows if row.state == "done" and math.isfinite(one.of(row))]
    trials = [({a.key: _value(a, row.values[a.key]) for a in keys}, one.of(row)) for row in done]
    space = {axis.key: _parameter(axis) for axis in keys}
    if len(space) < 2:
        return None
    shares = importances(space, trials, maximize=one.maximize)
    if not shares:
        return None
    rows = [Row(key, [Cell(share(value), bar=value)]) for key, value in shares.items()]
    caption = (
        f"By fANOVA over {len(done)} trials: what share of the result's variance a key explains "
        "by itself. Of few trials it is a hint."
    )
    return Table(
        f"What matters for {title(one.metric).lower()}", ["Key", "Share"], rows, caption, shown=30
    )


def _parameter(axis: Axis) -> Parameter:
    """The space as far as it was tried."""
    return Choice(axis.values) if axis.names else Interval(axis.low, axis.high, axis.log)


def _value(axis: Axis, value: object) -> object:
    return same(value) if axis.names else value
