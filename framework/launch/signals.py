"""Ctrl-C and SIGTERM as a wish to stop, and how often it was said."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

_LINE = b"Stopping: the trials that run save and end; once more stops at once.\n"


@contextlib.contextmanager
def asked_to_stop() -> Iterator[Callable[[], int]]:
    """While inside, signals are counted; what is given says how many came."""
    count = 0

    def ask(number: int, frame: Any) -> None:
        nonlocal count
        del number, frame
        count += 1
        if count == 1:
            os.write(2, _LINE)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: count
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
