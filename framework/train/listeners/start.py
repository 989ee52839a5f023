"""What may wait until the first step is made."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from framework.run import collect_as_usual
from framework.train.loop import Moment
from framework.train.watchdog import Watchdog


@dataclass
class Start:
    """Calls `after_first`, on a thread, after the first call, and ends the start with the second.

    Importing what the first save needs takes half a second, and the garbage collector, which
    rests until then, looks once at all that the imports have made.
    """

    after_first: Callable[[], None]
    _calls: int = 0

    def on_step(self, moment: Moment) -> None:
        """Counts."""
        del moment
        self._calls += 1
        if self._calls == 1:
            # No daemon: a process that ends in the middle of an import may crash.
            threading.Thread(target=self.after_first).start()
        elif self._calls == 2:
            collect_as_usual()


@dataclass
class Beats:
    """Tells the watchdog of every call."""

    watchdog: Watchdog

    def on_step(self, moment: Moment) -> None:
        """The loop has room for another call, so one has finished."""
        del moment
        self.watchdog.beat()
