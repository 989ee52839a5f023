"""Ends a run in which no step finishes any more: a collective or a device that hangs.

Whoever waits in JAX's runtime cannot be interrupted, and for a lost process or a broken link it may
wait for ever. So a thread looks whether something has finished, and ends the process otherwise.
"""

import contextlib
import faulthandler
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from framework.run import Category
from framework.train.clock import Clock

START_AGAIN = 75
# Start-up, compiling, the wait for a save and the report take as long as they take.
_WATCHED: tuple[Category, ...] = ("step", "data_wait", "evaluation")


@dataclass
class Watchdog:
    """Ends the process with exit code 75 after `seconds` (None: never) without a `beat`.

    Attributes:
        clock: says what the main thread is doing.
        stacks: file that is written before the end: where each thread was.
    """

    seconds: float | None
    clock: Clock
    stacks: Path
    _last: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        """Something has finished."""
        self._last = time.monotonic()

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """While inside."""
        ended = threading.Event()
        if self.seconds is not None:
            threading.Thread(target=self._watch, args=(ended, self.seconds), daemon=True).start()
        try:
            yield
        finally:
            ended.set()

    def _watch(self, ended: threading.Event, seconds: float) -> None:
        while not ended.wait(min(1.0, seconds / 4)):
            if self.clock.now not in _WATCHED:
                self.beat()
            elif time.monotonic() - self._last > seconds:
                self._end(seconds)

    def _end(self, seconds: float) -> NoReturn:
        with contextlib.suppress(OSError), self.stacks.open("w") as file:
            faulthandler.dump_traceback(file)
        doing = {"data_wait": "no batch came", "evaluation": "no batch was evaluated"}.get(
            self.clock.now, "no step was finished"
        )
        end_at_once(
            f"Stopped: {doing} for {seconds:g} s (trainer.hang_seconds); a device, a link or "
            f"another process hangs, or the data do. Where each thread was: {self.stacks}\n"
            "The same command with the same run.dir continues from the last checkpoint."
        )


def end_at_once(text: str, code: int = START_AGAIN) -> NoReturn:
    """Ends the process, whatever it is doing, with a text on stderr; may be called on a thread."""
    for child in multiprocessing.active_children():  # workers that read data
        child.kill()
    sys.stdout.flush()
    os.write(2, f"{text}\n".encode())
    os._exit(code)
