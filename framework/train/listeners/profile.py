"""Records a window of steps for TensorBoard's profile tab."""

from dataclasses import dataclass
from pathlib import Path

import jax

from framework.train.loop import Moment
from framework.train.options import Profile


@dataclass
class ProfileWindow:
    """Traces `options.steps` steps from `options.start` into `directory`."""

    options: Profile
    directory: Path
    _tracing: bool = False

    def on_step(self, moment: Moment) -> None:
        """Starts and stops the trace."""
        if self._tracing and moment.step >= self.options.start + self.options.steps:
            jax.block_until_ready(moment.metrics)
            self._stop()
        elif moment.crosses(max(self.options.start, 1)) and not self._done(moment):
            jax.block_until_ready(moment.metrics)
            jax.profiler.start_trace(str(self.directory))
            self._tracing = True

    def on_end(self, step: int) -> None:
        """Closes a window that the training's end cut short."""
        del step
        if self._tracing:
            self._stop()

    def _done(self, moment: Moment) -> bool:
        return moment.step - moment.size >= max(self.options.start, 1)

    def _stop(self) -> None:
        jax.profiler.stop_trace()
        self._tracing = False
