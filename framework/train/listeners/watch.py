"""Evaluates while training, and what follows from it: early stopping."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

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
        if moment.crosses(self.every):
            metrics = self.evaluate(moment.state)
            self.loop.emit(
                "on_eval", moment.step, {f"{self.split}/{n}": v for n, v in metrics.items()}
            )


@dataclass
class StopEarly:
    """Ends the training when the metric has stopped improving."""

    loop: Loop
    options: EarlyStopping
    split: str
    best: float = math.nan
    best_step: int = 0
    _since: int = field(default=0)

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """Compares with the best so far."""
        value = metrics[f"{self.split}/{self.options.metric}"]
        sign = 1 if higher_is_better(self.options.metric, self.options.mode) else -1
        if math.isnan(self.best) or sign * value > sign * self.best:
            self.best, self.best_step, self._since = value, step, 0
            return
        self._since += 1
        if self._since >= self.options.patience:
            self.loop.stop(
                f"{self.options.metric} of {self.split} has not improved on {self.best:.5g} "
                f"(step {self.best_step}) for {self._since} evaluations"
            )


def higher_is_better(metric: str, mode: str = "auto") -> bool:
    """Whether more of `metric` is better; losses and errors are the ones where less is."""
    if mode != "auto":
        return mode == "max"
    lower = ("loss", "error", "brier", "perplexity", "divergence")
    return not any(word in metric for word in lower)
