"""Keeps the account of an attempt: what its time was spent on."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from framework.parallel import is_first
from framework.run import Attempt, goodput, read_attempts, write_attempt
from framework.tracking import Tracker
from framework.train.clock import Clock
from framework.train.loop import Moment

SECONDS = 10.0  # between two records while nothing else happens


@dataclass
class Accounting:
    """Writes `attempts/<number>.json` every ten seconds, at each evaluation and at the end.

    A process that is killed has lost at most the last ten seconds of its account.

    Attributes:
        from_step: where the attempt began.
    """

    run: Path
    clock: Clock
    tracker: Tracker
    from_step: int
    _former: list[Attempt] = field(default_factory=list)
    _step: int = 0
    _written: float = 0.0

    def __post_init__(self) -> None:
        self._former, self._step = read_attempts(self.run), self.from_step
        self.write()

    def on_step(self, moment: Moment) -> None:
        """Writes once in a while."""
        self._step = moment.step
        if time.monotonic() - self._written > SECONDS:
            self.write()

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """Logs the goodput so far."""
        del metrics
        self.log(step)

    def on_end(self, step: int) -> None:
        """Writes where it ended."""
        self._step = step
        self.write()

    def log(self, step: int) -> None:
        """The goodput of all attempts so far, to the trackers and the run directory."""
        self.write()
        found = goodput([*self._former, self._attempt()])
        seconds = {f"goodput/{name}_seconds": value for name, value in found.seconds.items()}
        self.tracker.scalars(step, {"goodput/share": found.share, **seconds})

    def write(self) -> None:
        """Records the attempt as it is now."""
        self._written = time.monotonic()
        if is_first():
            write_attempt(self.run, self._attempt())

    def _attempt(self) -> Attempt:
        number = len(self._former) + 1
        seconds = {str(name): value for name, value in self.clock.seconds().items()}
        now = time.time()
        return Attempt(number, self.clock.begun, now, self.from_step, self._step, seconds)
