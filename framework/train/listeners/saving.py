"""Saves the state with its position in the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    _metrics: dict[str, float] = field(default_factory=dict)
    _saved: int | None = None

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """Keeps the metrics for the save at this step."""
        del step
        self._metrics = {name.split("/", 1)[1]: value for name, value in metrics.items()}

    def on_step(self, moment: Moment) -> None:
        """Saves at the interval, without waiting for the disk."""
        if moment.crosses(self.every):
            self.save(moment.step, moment.state)
        self._metrics = {}

    def save(self, step: int, state: TrainState) -> None:
        """Saves now, unless this step was saved already."""
        if self._saved == step:
            return
        extra: dict[str, Any] = {"step": step, "data_position": step}
        self.checkpoints.save(step, state, extra, self._metrics)
        self._saved = step
        self.loop.emit("on_checkpoint", step)
