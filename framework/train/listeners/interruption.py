"""Ends a run on SIGTERM or SIGINT after the present step; a second SIGINT stops at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from framework.train.loop import Loop

REASON = "interrupted"


@contextmanager
def interruptible(loop: Loop) -> Iterator[None]:
    """While inside, a signal asks the loop to stop instead of ending the process."""
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers can be set by the main thread alone
        return

    before: dict[int, Any] = {}

    def ask(number: int, frame: Any) -> None:
        again = loop.stopped is not None and number == signal.SIGINT
        if again and callable(before[number]):
            before[number](number, frame)  # as if there were no loop
        loop.stop(f"{REASON} by {signal.Signals(number).name}")
        if number == signal.SIGINT:  # written past the buffers, which the signal may have cut off
            os.write(2, b"Stopping after this step and saving; once more stops at once.\n")

    for each in (signal.SIGTERM, signal.SIGINT):
        before[each] = signal.signal(each, ask)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
