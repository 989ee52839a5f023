"""Waiting for jobs, whose files are looked at often and whose controller is asked seldom."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from framework.launch.place import Ended
from framework.launch.slurm.cluster import NotNow

# So often in a row the controller says that a job is over before its files are given up: on a
# network's file system they may come later.
GONE = 2
_LOOK = 0.5  # seconds between looks at files
_SOON = 1.0  # seconds between questions while all is being stopped


@dataclass
class Waiting:
    """Of one place.

    Attributes:
        pause: between questions to the controller, in seconds.
        stopping: all is being stopped.
    """

    pause: float
    stopping: bool = False
    _asked: float = float("-inf")

    def stop(self) -> None:
        """From now on all is being stopped; the next question comes at once."""
        self.stopping, self._asked = True, float("-inf")

    def first(
        self, seconds: float, ask: Callable[[], None], over: Callable[[], list[Ended]]
    ) -> list[Ended]:
        """Tries that ended, waiting that long at most for the first one.

        Args:
            ask: the controller; may raise NotNow.
            over: what has ended, by the files and what the controller said.
        """
        deadline = time.monotonic() + seconds
        while True:
            if self._due():
                with contextlib.suppress(NotNow):
                    ask()
            ended = over()
            left = deadline - time.monotonic()
            if ended or left <= 0:
                return ended
            time.sleep(min(_LOOK, left))

    def _due(self) -> bool:
        pause = min(self.pause, _SOON) if self.stopping else self.pause
        if time.monotonic() - self._asked < pause:
            return False
        self._asked = time.monotonic()
        return True
