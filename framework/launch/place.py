"""Where trials run: processes here, jobs of Slurm, JobSets on GKE, queued TPU machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from framework.launch.trial import Trial


@dataclass(frozen=True)
class Ended:
    """A try of a trial that is over.

    Attributes:
        code: the exit code of `experiments.run` (0 complete, 75 start again, 2 a mistake, 1 a
            fault), negative for a signal; None where nobody knows.
        message: the last plain words of its stderr, or what the place says of it; one line.
        device: on what it ran.
        seconds: that it took; rows of a pack divide the time of theirs.
        packed: whether it was a row of a program with others.
        step: the newest checkpoint's, where it does not lie in the trial's directory here.
    """

    number: int
    code: int | None
    message: str = ""
    device: str = ""
    seconds: float = 0.0
    packed: bool = False
    step: int | None = None


class Place(Protocol):
    """Runs trials; holds no accelerator itself."""

    def free(self) -> int:
        """How many trials could be started now."""
        ...

    def start(self, trials: Sequence[Trial]) -> None:
        """Starts trials, as many as are free at most. A trial that this place still runs from an
        earlier driver's time is taken over, not started twice.
        """
        ...

    def wait(self, seconds: float) -> list[Ended]:
        """Tries that ended, waiting that long at most for the first one."""
        ...

    def stop(self, at_once: bool) -> None:
        """Asks all that run to save and end (SIGTERM), or ends them at once; `wait` tells when."""
        ...
