"""What proposes the trials of a request, by the name of its sweeper."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

from framework.launch.grid import Grid, combinations, numbered
from framework.launch.request import Request
from framework.launch.source import Source
from framework.launch.table import Row, Table

# Sweepers that bring an extra along, imported when they are asked for: a function `make_source`
# of a Request and the Table of trials that checks what was asked for and gives what opens the
# Source. Both raise InvalidConfig for what is wrong; the driver tells the source every trial that
# has ended, also those it was told before.
OTHERS = {"optuna": "framework.launch.study"}


@dataclass
class Opened:
    """A source that was checked, and the rows that it adds before the first trial starts.

    Attributes:
        make: opens it, which may leave files behind.
        source: once it is prepared.
    """

    make: Callable[[], Source]
    rows: tuple[Row, ...] = ()
    source: Source = field(init=False)

    def prepare(self, table: Table) -> None:
        """Writes the rows and opens the source.

        Raises:
            InvalidConfig: it cannot be opened.
        """
        if self.rows:
            table.put(*self.rows)
        self.source = self.make()


def open_source(request: Request, table: Table) -> Opened:
    """The source of a sweep that may have begun before, checked.

    Raises:
        InvalidConfig: what is wrong with its space or settings.
    """
    if request.sweeper in OTHERS:
        make: Callable[[Request, Table], Callable[[], Source]]
        make = importlib.import_module(OTHERS[request.sweeper]).make_source
        return Opened(make(request, table))
    points = numbered(combinations(request.space), {row.number: row.values for row in table})
    rows = tuple(Row(n, dict(v)) for n, v in sorted(points.items()) if n not in table)
    return Opened(lambda: Grid(points, given=points), rows)
