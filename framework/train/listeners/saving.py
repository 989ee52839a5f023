"""Saves the state with its position in the data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from framework.checkpoint import Checkpoints
from framework.train.guard import is_made
from framework.train.loop import Loop, Moment
from framework.train.state import TrainState


@dataclass
class Saving:
    """Saves every `every` steps; the metrics of an evaluation at the same step go along.

    Attributes:
        extra: of a step: what else must be known to continue, read when a save begins.
        ready: called on a thread before the checkpoint counts.
    """

    loop: Loop
    checkpoints: Checkpoints
    every: int | None
    extra: Callable[[int], Mapping[str, Any]] = lambda _: {}
    ready: Callable[[], object] = lambda: None
    _metrics: tuple[int, dict[str, float]] = (0, {})
    _saved: int | None = None

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """Keeps the metrics for a save at this step."""
        self._metrics = step, {name.split("/", 1)[1]: value for name, value in metrics.items()}

    def on_step(self, moment: Moment) -> None:
        """Saves at the interval, without waiting for the disk."""
        if moment.crosses(self.every):
            self.save(moment.step, moment.state)

    def save(self, step: int, state: TrainState) -> None:
        """Saves now, unless this step was saved already, or not made, as one before it was bad."""
        if self._saved == step or not is_made(state):
            return
        # Heard before: what was logged up to here must be on the disk when the save is.
        self.loop.emit("on_checkpoint", step)
        measured, metrics = self._metrics
        extra = {"step": step, **self.extra(step)}
        with self.loop.clock.during("checkpoint"):
            self.checkpoints.save(
                step, state, extra, metrics if measured == step else {}, self.ready
            )
        self._saved = step
