"""What proposes the trials of a request, by the name of its sweeper."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from framework.launch.grid import Grid, combinations, numbered
from framework.launch.request import Request
from framework.launch.source import Source
from framework.launch.table import Row, Table

# Sweepers that bring an extra along, imported when they are asked for: a function `make_source`
# of a Request and the Table of trials that gives a Source. It raises InvalidConfig for what is
# wrong; the driver tells it every trial that has ended, also those it was told before.
OTHERS = {"optuna": "framework.launch.study"}


@dataclass(frozen=True)
class Opened:
    """A source, and the rows that it adds before the first trial starts."""

    source: Source
    rows: tuple[Row, ...] = ()

    def prepare(self, table: Table) -> None:
        """Writes the rows."""
        if self.rows:
            table.put(*self.rows)


def open_source(request: Request, table: Table) -> Opened:
    """The source of a sweep that may have begun before.

    Raises:
        InvalidConfig: what is wrong with its space or settings.
    """
    if request.sweeper in OTHERS:
        make: Callable[[Request, Table], Source]
        make = importlib.import_module(OTHERS[request.sweeper]).make_source
        return Opened(make(request, table))
    points = numbered(combinations(request.space), {row.number: row.values for row in table})
    rows = tuple(Row(n, dict(v)) for n, v in sorted(points.items()) if n not in table)
    return Opened(Grid(points, given=points), rows)
