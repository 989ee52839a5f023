"""Saves the state with its position in the data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from framework.checkpoint import Checkpoints
from framework.train.loop import Loop, Moment
from framework.train.state import TrainState


@dataclass
class Saving:
    """Saves every `every` steps; the metrics of an evaluation at the same step go along.

    Attributes:
        extra: what else must be known to continue, read when a save begins.
    """

    loop: Loop
    checkpoints: Checkpoints
    every: int | None
    extra: Callable[[], Mapping[str, Any]] = dict
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
        """Saves now, unless this step was saved already."""
        if self._saved == step:
            return
        # Heard before: what was logged up to here must be on the disk when the save is.
        self.loop.emit("on_checkpoint", step)
        measured, metrics = self._metrics
        extra = {"step": step, "data_position": step, **self.extra()}
        self.checkpoints.save(step, state, extra, metrics if measured == step else {})
        self._saved = step
