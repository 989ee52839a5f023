"""A sweep as a table on a terminal that moves: best so far, what runs, what waits, what failed."""

import contextlib
import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framework.launch.driver import Observer
from framework.launch.lines import Lines
from framework.launch.objective import Objective, best
from framework.launch.request import Request
from framework.launch.table import Row, Table
from framework.launch.trial import State

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

BLOCKS = "▁▂▃▄▅▆▇█"
CURVE = 16  # characters
TAIL = 8192  # bytes of a log, in which its last step is looked for
EVERY = 0.5  # seconds between two looks at the logs
MOST_BEST, MOST_RUNNING, MOST_FAILED = 3, 12, 3
CONFIRMATION = "confirmation"
STATES: tuple[State, ...] = ("done", "pruned", "failed", "running", "waiting")


@dataclass
class Live:
    """What rich draws of a sweep, and the Observer from which it knows.

    Attributes:
        steps: of a trial that does not say otherwise; None where that is not known.
        name: what people call a row.
    """

    wanted: Sequence[Objective]
    steps: int | None
    rows: dict[int, Row] = field(default_factory=dict)
    curves: dict[int, dict[int, float]] = field(default_factory=dict)
    at: dict[int, int] = field(default_factory=dict)
    name: str = "trial"
    _looked: float = 0.0

    def row(self, row: Row) -> None:
        """Takes it up."""
        self.rows[row.number] = row

    def evaluated(self, number: int, step: int, metrics: Mapping[str, float]) -> None:
        """A further point of its curve."""
        value = metrics.get(f"validation/{self.wanted[0].metric}")
        if value is not None:
            self.curves.setdefault(number, {})[step] = value

    def tick(self) -> None:
        """Looks how far those that run have come."""
        if time.monotonic() - self._looked < EVERY:
            return
        self._looked = time.monotonic()
        for row in self.rows.values():
            if row.state == "running":
                self.at[row.number] = last_step(Path(row.run) / "metrics.jsonl")

    def __rich__(self) -> "RenderableType":
        """The table of this moment."""
        from rich.console import Group
        from rich.text import Text

        running = [row for row in self.rows.values() if row.state == "running"]
        parts: list[RenderableType] = [Text(self._counts(), style="bold")]
        winners = best(self.rows.values(), self.wanted)[:MOST_BEST]
        parts += [Text(f"best      {self._told(row)}") for row in winners]
        if running:
            parts.append(self._running(running[:MOST_RUNNING]))
        if len(running) > MOST_RUNNING:
            parts.append(Text(f"and {len(running) - MOST_RUNNING} more"))
        failed = [row for row in self.rows.values() if row.state == "failed"]
        parts += [
            Text(f"failed    {self.name} {row.number}: {row.message}", style="red", no_wrap=True,
                 overflow="ellipsis")
            for row in failed[-MOST_FAILED:]
        ]  # fmt: skip
        return Group(*parts)

    def _counts(self) -> str:
        counts = Counter(row.state for row in self.rows.values())
        shown = [f"{counts[state]} {state}" for state in STATES if counts[state]]
        several = "" if len(self.rows) == 1 else "s"
        return f"{len(self.rows)} {self.name}{several}: {', '.join(shown)}"

    def _told(self, row: Row) -> str:
        results = "  ".join(f"{one.metric} {one.of(row):.4f}" for one in self.wanted)
        return f"{self.name} {row.number}  {results}  {_values(row)}"

    def _running(self, running: Sequence[Row]) -> "RenderableType":
        from rich.progress_bar import ProgressBar
        from rich.table import Table as Grid

        grid = Grid.grid(padding=(0, 2))
        for row in running:
            curve = list(self.curves.get(row.number, {}).values())
            value = f"{curve[-1]:.4f}" if curve else ""
            step, steps = self.at.get(row.number, 0), row.values.get("trainer.steps", self.steps)
            bar: Any = ProgressBar(total=steps, completed=step, width=20) if steps else ""
            of = f"{step:,}/{steps:,}" if steps else f"{step:,}"
            grid.add_row(
                f"{self.name} {row.number}", bar, of, sparkline(curve), value, _text(_values(row))
            )
        return grid


def screen(request: Request, wanted: Sequence[Objective], table: Table) -> Observer:
    """A table that moves on a terminal, plain lines elsewhere."""
    if not _console().is_terminal:
        return Lines([one.metric for one in wanted])
    steps = (request.settings.get("trainer") or {}).get("steps")
    rows = {row.number: row for row in table}
    return Live(wanted, steps if isinstance(steps, int) else None, rows)


def of_confirmations(observer: Observer) -> Observer:
    """For the confirmations of a sweep, whose numbers begin again."""
    if isinstance(observer, Live):
        return Live(observer.wanted, observer.steps, name=CONFIRMATION)
    return Lines(observer.metrics, CONFIRMATION) if isinstance(observer, Lines) else observer


@contextlib.contextmanager
def drawn(observer: Observer) -> Iterator[None]:
    """While inside, a table that moves is on the screen; at the end it is taken away."""
    if not isinstance(observer, Live):
        yield
        return
    from rich.live import Live as Screen

    with Screen(observer, console=_console(), refresh_per_second=4, transient=True):
        yield


def sparkline(values: Sequence[float]) -> str:
    """A curve of one line's height, from its lowest value to its highest; a long one is thinned."""
    known = [v for v in values if math.isfinite(v)]
    if not known:
        return ""
    shown = min(len(known), CURVE)
    kept = [known[(n + 1) * len(known) // shown - 1] for n in range(shown)]
    low, high = min(kept), max(kept)
    scale = (len(BLOCKS) - 1) / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((v - low) * scale)] for v in kept)


def last_step(log: Path) -> int:
    """Of a `metrics.jsonl` that is being written; 0 before its first line."""
    try:
        with log.open("rb") as file:
            file.seek(max(file.seek(0, 2) - TAIL, 0))
            lines = file.read().splitlines()
    except OSError:
        return 0
    for line in reversed(lines):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return int(json.loads(line)["step"])
    return 0


def _values(row: Row) -> str:
    return "  ".join(f"{key}={_short(value)}" for key, value in row.values.items())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _text(plain: str) -> "RenderableType":
    from rich.text import Text

    return Text(plain, no_wrap=True, overflow="ellipsis")


def _console() -> "Console":
    from rich.console import Console

    return Console(highlight=False)
