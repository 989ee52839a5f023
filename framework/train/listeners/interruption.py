"""Ends a run on SIGTERM or SIGINT after the present step; a second SIGINT stops at once.

It has a stated time for that. Python runs a signal's handler on the main thread, which may be
waiting for a device or a disk: so the time is kept by a thread, which the interpreter itself wakes.
"""

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from framework.parallel import several
from framework.train.loop import Loop, Moment
from framework.train.watchdog import end_at_once

REASON = "interrupted"


@contextlib.contextmanager
def interruptible(loop: Loop, grace: float) -> Iterator[None]:
    """While inside, a signal asks the loop to stop instead of ending the process.

    One of several processes that is asked asks all of them, to stop after the same step. What is
    inside must have ended within `grace` seconds of that; else the process ends as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # handlers can be set by the main thread alone
        return

    before: dict[int, Any] = {}
    together = several()
    limit = _Limit(grace)
    agreed = Together(loop, limit.begin)

    def ask(number: int, frame: Any) -> None:
        again = number == signal.SIGINT and (loop.stopped is not None or agreed.asked)
        if again and callable(before[number]):
            before[number](number, frame)  # as if there were no loop
        if together:
            agreed.ask()
        else:
            loop.stop(f"{REASON} by {signal.Signals(number).name}", "start_again")
        if number == signal.SIGINT:  # written past the buffers, which the signal may have cut off
            line = f"Stopping after this step and saving, in {grace:g} s at most; once more stops "
            os.write(2, f"{line}at once.\n".encode())

    # Where there are several processes, SIGTERM is JAX's: it tells them all.
    for each in (signal.SIGINT,) if together else (signal.SIGTERM, signal.SIGINT):
        before[each] = signal.signal(each, ask)
    listeners = loop.listeners
    if together:
        loop.listeners = [agreed, *listeners]
    try:
        with _woken(limit.begin):
            yield
    finally:
        limit.end()
        loop.listeners = listeners
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class Together:
    """Stops the loops of all processes after the same call, once one of them was sent SIGTERM.

    Attributes:
        begin: called when it does.
    """

    loop: Loop
    begin: Callable[[], None] = lambda: None
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
            self.begin()
            self.loop.stop(f"{REASON} in one of the processes", "start_again")


@dataclass
class _Limit:
    """Ends the process `seconds` after `begin`, unless `end` comes before."""

    seconds: float
    _timer: threading.Timer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(self.seconds, self._out_of_time)
                self._timer.daemon = True
                self._timer.start()

    def end(self) -> None:
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()

    def _out_of_time(self) -> None:
        end_at_once(
            f"Stopped: the step and its save took longer than {self.seconds:g} s "
            "(trainer.grace_seconds).\n"
            "The same command with the same run.dir continues from the last checkpoint."
        )


@contextlib.contextmanager
def _woken(call: Callable[[], None]) -> Iterator[None]:
    """Calls `call`, on a thread, when a signal comes that Python has a handler for."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    before = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)

    def listen() -> None:
        while numbers := ours.recv(16):
            if {signal.SIGTERM, signal.SIGINT} & set(numbers):
                call()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        theirs.close()
        thread.join()
        ours.close()
