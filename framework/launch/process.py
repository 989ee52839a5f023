"""A worker process as the driver sees it: lines of JSON there and back, over a socket."""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

MODULE = "experiments.trial_worker"
_END_SECONDS = 5.0
_LOOK_SECONDS = 60.0


class Process:
    """A worker that imports what a trial needs as soon as it is made, and devices later.

    It is no part of the terminal's process group: Ctrl-C is for the driver. It ends when the
    driver does, as its socket ends then.
    """

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._child = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(theirs.fileno())],
            stdin=subprocess.DEVNULL, stdout=2, pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )  # fmt: skip
        theirs.close()
        self._socket = ours
        self._read = b""
        atexit.register(self.kill)

    def fileno(self) -> int:
        """For `select`: readable when something was said or the worker has ended."""
        return self._socket.fileno()

    def send(self, message: Mapping[str, Any]) -> None:
        """Never raises: of a worker that has ended, `hear` tells."""
        with contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(message).encode() + b"\n")

    def hear(self, seconds: float = 0.0) -> dict[str, Any] | None:
        """The next message, waiting that long for it; None: there is none yet.

        Raises:
            EOFError: the worker has ended, or closed its socket.
        """
        deadline = time.monotonic() + seconds
        while b"\n" not in self._read:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._socket], [], [], left)[0]:
                return None
            try:
                part = self._socket.recv(1 << 16)
            except ConnectionError:
                part = b""
            if not part:
                raise EOFError
            self._read += part
        line, self._read = self._read.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a message and waits for its answer.

        Raises:
            EOFError: the worker has ended.
        """
        self.send(message)
        while (answer := self.hear(_LOOK_SECONDS)) is None:
            pass
        return answer

    def ask_to_stop(self) -> None:
        """SIGTERM: a trial under way saves and ends."""
        if self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def code(self) -> int | None:
        """Its exit code, once its socket has ended; a worker that stays on is ended."""
        try:
            return self._child.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self) -> None:
        """Ends it at once, with the processes that it started."""
        atexit.unregister(self.kill)
        if self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._socket.close()


_early: list[Process] = []


def begin_early() -> None:
    """Starts a worker before it is known what for: its imports are the longest part of a start."""
    _early.append(Process())


def new_process() -> Process:
    """The one that was begun early, or one that begins now."""
    return _early.pop() if _early else Process()


def end_early() -> None:
    """Ends the one that was begun early, where nobody took it."""
    while _early:
        _early.pop().kill()
