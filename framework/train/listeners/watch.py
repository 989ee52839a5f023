"""Evaluates while training, and what follows from it: early stopping."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from framework.stats import higher_is_better
from framework.train.guard import is_made
from framework.train.loop import Loop, Moment
from framework.train.options import EarlyStopping
from framework.train.state import TrainState


@dataclass
class Watch:
    """Evaluates every `every` steps and raises `on_eval` with the split's name before each metric.

    Attributes:
        evaluate: the metrics of a state.
    """

    loop: Loop
    every: int | None
    split: str
    evaluate: Callable[[TrainState], dict[str, float]]

    def on_step(self, moment: Moment) -> None:
        """Evaluates at the interval."""
        if moment.crosses(self.every) and is_made(moment.state):
            with self.loop.clock.during("evaluation"):
                metrics = self.evaluate(moment.state)
            self.loop.emit(
                "on_eval", moment.step, {f"{self.split}/{n}": v for n, v in metrics.items()}
            )


@dataclass
class StopEarly:
    """Ends the training when the metric has stopped improving; a NaN is no improvement."""

    loop: Loop
    options: EarlyStopping
    split: str
    best: float | None = None
    best_step: int = 0
    evaluations_since: int = 0

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """Compares with the best so far."""
        value = metrics[f"{self.split}/{self.options.metric}"]
        sign = 1 if higher_is_better(self.options.metric, self.options.mode) else -1
        if not math.isnan(value) and (self.best is None or sign * value > sign * self.best):
            self.best, self.best_step, self.evaluations_since = value, step, 0
            return
        self.evaluations_since += 1
        self._stop_if_due()

    def remember(self) -> dict[str, Any]:
        """What a run that is continued must know."""
        return {
            "best": self.best,
            "best_step": self.best_step,
            "evaluations_since": self.evaluations_since,
        }

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Goes on from what `remember` gave."""
        self.best = memory["best"]
        self.best_step = memory["best_step"]
        self.evaluations_since = memory["evaluations_since"]
        self._stop_if_due()

    def _stop_if_due(self) -> None:
        if self.evaluations_since >= self.options.patience:
            best = (
                "once been a number"
                if self.best is None
                else (f"improved on {self.best:.5g} (step {self.best_step})")
            )
            self.loop.stop(
                f"{self.options.metric} of {self.split} has not {best} "
                f"for {self.evaluations_since} evaluations"
            )
