"""What a person sees while a run trains: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console

from framework.train.loop import Moment

LOG_WIDTH = 110


def make_console(aloud: bool) -> Console:
    """Standard output; for one process of several: the others print nothing."""
    console = Console(quiet=not aloud, highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = LOG_WIDTH  # a file has no width of its own
    return console


@dataclass
class Progress:
    """Rate, time left, loss and learning rate.

    Attributes:
        steps: of the whole run.
        line_seconds: least time between two plain lines where there is no terminal.
    """

    console: Console
    steps: int
    start: int = 0
    line_seconds: float = 5.0
    _bar: Any = None
    _task: Any = None
    _last_line: float = 0.0
    _values: dict[str, float] = field(default_factory=dict)

    def on_step(self, moment: Moment) -> None:
        """Moves the bar."""
        if self.console.is_terminal and not self.console.quiet:
            if self._bar is None:
                self._begin()
            self._bar.update(self._task, completed=moment.step)

    def hear(self, step: int, values: Mapping[str, float]) -> None:
        """Shows freshly logged values."""
        self._values.update(values)
        if self._bar is not None:
            self._bar.update(self._task, values=self._shown())
        elif time.monotonic() - self._last_line >= self.line_seconds:
            self._last_line = time.monotonic()
            left = (self.steps - step) / max(values["steps_per_second"], 1e-9)
            self.console.print(f"step {step}/{self.steps}  {self._shown()}  {left:.0f} s left")

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """A line for each evaluation."""
        wanted = ("accuracy", "log_loss", "root_mean_squared_error", "r_squared")
        shown = {n: v for n, v in metrics.items() if n.split("/", 1)[1] in wanted}
        text = "  ".join(f"{name} {value:.4f}" for name, value in (shown or metrics).items())
        self.console.print(f"step {step}/{self.steps}  {text}")

    def on_end(self, step: int) -> None:
        """Takes the bar away."""
        del step
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _begin(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self._bar = Bar(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[values]}"), console=self.console, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=self.steps, completed=self.start, values="")
        self._bar.start()

    def _shown(self) -> str:
        values = self._values
        unit = "tokens" if "tokens_per_second" in values else "examples"
        utilisation = f"  MFU {values['mfu']:.1%}" if "mfu" in values else ""
        return (
            f"loss {values['loss']:.4f}  learning rate {values['learning_rate']:.2e}  "
            f"{values['steps_per_second']:.1f} steps/s  "
            f"{values[f'{unit}_per_second']:,.0f} {unit}/s{utilisation}"
        )
