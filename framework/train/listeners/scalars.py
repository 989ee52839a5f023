"""Logs the step's values, one interval late so that nothing waits for the device."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import jax
import numpy as np

from framework.tracking import Tracker
from framework.train.guard import FROZEN
from framework.train.loop import Moment
from framework.train.step import Metrics

Hear = Callable[[int, Mapping[str, float]], None]


@dataclass
class Scalars:
    """Sends loss, rates, norms, speed, waiting and memory to the tracker every `every` steps.

    Attributes:
        speed: steps a second to what is logged of it.
        hear: told the same values, e.g. the progress bar.
    """

    tracker: Tracker
    every: int
    speed: Callable[[float], Mapping[str, float]]
    hear: Hear
    _pending: tuple[int, Metrics, dict[str, float]] | None = None
    _since: float = field(default_factory=time.perf_counter)
    _steps: int = 0
    _waited: float = 0.0

    def on_step(self, moment: Moment) -> None:
        """Notes the step; at the interval starts fetching its values and logs the last ones."""
        self._steps += moment.size
        self._waited += moment.waited
        if not moment.crosses(self.every):
            return
        now = time.perf_counter()
        seconds = now - self._since
        speed = {
            **self.speed(self._steps / seconds),
            "data_wait_share": self._waited / seconds,
            **device_memory(),
        }
        self._since, self._steps, self._waited = now, 0, 0.0
        for array in moment.metrics.values():
            array.copy_to_host_async()
        self._flush()
        self._pending = (moment.step, moment.metrics, speed)

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """Logs the evaluation; the time it took does not count as training."""
        self._flush()
        self.tracker.scalars(step, metrics)
        self._since, self._steps, self._waited = time.perf_counter(), 0, 0.0

    def on_checkpoint(self, step: int) -> None:
        """Has everything up to here written: a run continued from this step logs later ones."""
        del step
        self._flush()
        self.tracker.flush()

    def on_end(self, step: int) -> None:
        """Logs what is still on its way."""
        del step
        self._flush()

    def _flush(self) -> None:
        if self._pending is None:
            return
        step, metrics, speed = self._pending
        self._pending = None
        # Of several stacked steps the last is the one at `step`.
        values = {name: float(np.asarray(a).reshape(-1)[-1]) for name, a in metrics.items()}
        if values.pop(FROZEN, 0.0):  # after a bad step, which is not made again
            return
        self.tracker.scalars(step, values | speed)
        self.hear(step, values | speed)


def device_memory() -> dict[str, float]:
    """Bytes in use and the peak on this process's first device; nothing where it cannot tell."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    names = {"device_memory": "bytes_in_use", "device_memory_peak": "peak_bytes_in_use"}
    return {f"{ours}_bytes": float(statistics[n]) for ours, n in names.items() if n in statistics}
