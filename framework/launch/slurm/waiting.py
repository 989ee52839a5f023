"""Waiting for jobs, whose files are looked at often and whose controller is asked seldom."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from framework.launch.place import Ended
from framework.launch.slurm.cluster import NotNow

# So often in a row the controller says that a job is over before its files are given up: on a
# network's file system they may come later.
GONE = 2
_LOOK = 0.5  # seconds between looks at files
_SOON = 1.0  # seconds between questions while all is being stopped


def say(line: str) -> None:
    """Prints a line, at once."""
    print(line, file=sys.stderr, flush=True)


@dataclass
class Waiting:
    """Of one place.

    Attributes:
        pause: between questions to the controller, in seconds.
        say: prints a line for people, once when the controller is away and once when it is back.
        stopping: all is being stopped.
    """

    pause: float
    say: Callable[[str], None] = say
    stopping: bool = False
    _asked: float = float("-inf")
    _away: bool = False

    def stop(self) -> None:
        """From now on all is being stopped; the next question comes at once."""
        self.stopping, self._asked = True, float("-inf")

    def first(
        self, seconds: float, ask: Callable[[], bool], over: Callable[[], list[Ended]]
    ) -> list[Ended]:
        """Tries that ended, waiting that long at most for the first one.

        Args:
            ask: the controller, and whether there was anything to ask; may raise NotNow.
            over: what has ended, by the files and what the controller said.
        """
        deadline = time.monotonic() + seconds
        while True:
            if self._due():
                with self.patient():
                    if ask():
                        self._answered()
            ended = over()
            left = deadline - time.monotonic()
            if ended or left <= 0:
                return ended
            time.sleep(min(_LOOK, left))

    @contextlib.contextmanager
    def patient(self) -> Iterator[None]:
        """While inside, a controller that does not answer is no fault: `first` asks it again."""
        try:
            yield
        except NotNow as error:
            if not self._away:
                self._away = True
                self.say(f"{error}. Slurm is asked again every {self._pause:g} s; jobs go on.")

    def _answered(self) -> None:
        if self._away:
            self._away = False
            self.say("Slurm answers again.")

    @property
    def _pause(self) -> float:
        return min(self.pause, _SOON) if self.stopping else self.pause

    def _due(self) -> bool:
        if time.monotonic() - self._asked < self._pause:
            return False
        self._asked = time.monotonic()
        return True
