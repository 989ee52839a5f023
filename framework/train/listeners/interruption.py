"""Ends a run on SIGTERM or SIGINT after the present step; a second SIGINT stops at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from framework.parallel import several
from framework.train.loop import Loop, Moment

REASON = "interrupted"


@contextmanager
def interruptible(loop: Loop) -> Iterator[None]:
    """While inside, a signal asks the loop to stop instead of ending the process.

    One of several processes that is asked asks all of them, to stop after the same step.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers can be set by the main thread alone
        return

    before: dict[int, Any] = {}
    together = several()
    agreed = Together(loop)

    def ask(number: int, frame: Any) -> None:
        again = number == signal.SIGINT and (loop.stopped is not None or agreed.asked)
        if again and callable(before[number]):
            before[number](number, frame)  # as if there were no loop
        if together:
            agreed.ask()
        else:
            loop.stop(f"{REASON} by {signal.Signals(number).name}")
        if number == signal.SIGINT:  # written past the buffers, which the signal may have cut off
            os.write(2, b"Stopping after this step and saving; once more stops at once.\n")

    # Where there are several processes, SIGTERM is JAX's: it tells them all.
    for each in (signal.SIGINT,) if together else (signal.SIGTERM, signal.SIGINT):
        before[each] = signal.signal(each, ask)
    listeners = loop.listeners
    if together:
        loop.listeners = [agreed, *listeners]
    try:
        yield
    finally:
        loop.listeners = listeners
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Together:
    """Stops the loops of all processes after the same call, once one of them was sent SIGTERM."""

    loop: Loop
    asked: bool = False
    _calls: int = 0

    def ask(self) -> None:
        """Has JAX tell all processes."""
        self.asked = True
        os.kill(os.getpid(), signal.SIGTERM)

    def on_step(self, moment: Moment) -> None:
        """Counts calls: JAX names the next number, which steps of several at a time would skip."""
        del moment
        from jax.experimental.multihost_utils import reached_preemption_sync_point

        self._calls += 1
        if reached_preemption_sync_point(self._calls):
            self.loop.stop(f"{REASON} in one of the processes")
