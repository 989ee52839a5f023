"""The life of a worker process: trials come over a socket, one after another, and codes go back."""

import contextlib
import gc
import json
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

START_AGAIN = 75
LOCK_SECONDS = 90.0
Run = Callable[[Sequence[str]], int]
Tell = Callable[[int, int, str, bool], None]
"""Told of a trial's end: its number, the exit code, a message, whether it was a row of a pack."""
Pack = Callable[[Sequence[Mapping[str, Any]], bool, Tell], None]
Check = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def serve(channel: socket.socket, run: Run, check: Check, pack: Pack) -> int:
    """Does what it is told until the driver is gone.

    Args:
        run: trains what words compose; returns the exit code.
        check: says what is wrong with a sweep.
        pack: trains trials, of each the `number` and the `words`, as rows of one program.
    """
    driver = _listen(channel)
    while (message := driver.messages.get()) is not None and not driver.gone.is_set():
        if "devices" in message:
            _take(**message["devices"])
        elif "check" in message:
            _answer(channel, {"checked": check(message["check"])})
        else:
            if "pack" in message:
                goes_on = _try_pack(driver, pack, **message["pack"])
            else:
                goes_on = _try_one(driver, run, **message["run"])
            if not goes_on:
                return 0
            if not gc.get_freeze_count():
                # What outlives the first trial (libraries, programs) is not looked through after
                # each of the others, which takes as long as a short trial.
                gc.freeze()
            _answer(channel, {"ready": True})
    return 0


@dataclass
class _Driver:
    """The other end of the channel.

    Attributes:
        gone: it has ended; what it said before is not done any more.
        busy: a trial is under way.
    """

    channel: socket.socket
    messages: "queue.Queue[dict[str, Any] | None]" = field(default_factory=queue.Queue)
    gone: threading.Event = field(default_factory=threading.Event)
    busy: threading.Event = field(default_factory=threading.Event)


def _listen(channel: socket.socket) -> _Driver:
    """The driver's messages; where it is gone, the trial under way is asked to save and end."""
    driver = _Driver(channel)

    def listen() -> None:
        with contextlib.suppress(OSError), channel.makefile("r", encoding="utf-8") as lines:
            for line in lines:
                driver.messages.put(json.loads(line))
        driver.gone.set()
        driver.messages.put(None)
        if driver.busy.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=listen, daemon=True).start()
    return driver


def _take(environment: Mapping[str, str], cores: Sequence[int]) -> None:
    """Its devices, before JAX looks for them."""
    os.environ |= environment
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _answer(channel: socket.socket, message: Mapping[str, Any]) -> None:
    with contextlib.suppress(OSError):
        channel.sendall(json.dumps(message).encode() + b"\n")


def _try_one(driver: _Driver, run: Run, number: int, words: Sequence[str], log: str) -> bool:
    """Trains a trial; whether the process goes on after it."""
    code, said, whole = _try(driver, run, words, log)
    _answer(driver.channel, {"ended": {"number": number, "code": code, "message": said}})
    return whole and code != START_AGAIN


def _try_pack(
    driver: _Driver, pack: Pack, trials: Sequence[Mapping[str, Any]], forced: bool
) -> bool:
    """Trains trials together; whether the process goes on after them.

    What the process prints goes to the log of the first one; each row has its own beside.
    """
    codes: dict[int, int] = {}

    def tell(number: int, code: int, message: str, packed: bool) -> None:
        codes[number] = code
        said = {"number": number, "code": code, "message": message, "packed": packed}
        _answer(driver.channel, {"ended": said})

    def run(words: Sequence[str]) -> int:
        del words
        for trial in trials[1:]:
            path = Path(trial["log"])
            path.parent.mkdir(parents=True, exist_ok=True)
            _wait_for_another(path.parent)
        pack(trials, forced, tell)
        return 0

    code, said, whole = _try(driver, run, (), trials[0]["log"])
    for trial in trials:
        if trial["number"] not in codes:
            tell(trial["number"], code or 1, said, False)
    return whole and START_AGAIN not in codes.values()


def _try(driver: _Driver, run: Run, words: Sequence[str], log: str) -> tuple[int, str, bool]:
    """Exit code, last words, and whether the process is fit for another trial."""
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = True
    driver.busy.set()
    if driver.gone.is_set():  # so that nobody has sent a signal
        return START_AGAIN, "", False
    with _written_to(path) as errors:
        try:
            _wait_for_another(path.parent)
            code = run(words)
        except Exception:
            traceback.print_exc()
            code, whole = 1, False
    driver.busy.clear()
    gc.collect()
    said = errors.message()
    return code, said if code else "", whole and "too little memory" not in said


def _wait_for_another(run: Path) -> None:
    """Until a worker of an earlier driver has saved and left the run."""
    import fcntl
    import time

    deadline = time.monotonic() + LOCK_SECONDS
    with (run / ".lock").open("a") as file:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.1)
            except OSError:  # a file system without locks
                return
            else:
                return


class _Errors:
    """Standard error, whose last words are remembered."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._kept: list[str] = []

    def write(self, text: str) -> int:
        self._kept = [*self._kept[-40:], text]
        return self._stream.write(text)

    def message(self) -> str:
        """The line that says most: a mistake, or what was raised."""
        lines = [line for line in "".join(self._kept).splitlines() if line.strip()]
        mistakes = [
            line.strip() for line in lines if line.startswith("  ") and ": expected" in line
        ]
        if mistakes:
            return "; ".join(mistakes)[:500]
        if any(line.startswith("Traceback") for line in lines):
            return lines[-1].strip()[:500]
        return lines[0].strip()[:500] if lines else ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _written_to(path: Path) -> Iterator[_Errors]:
    """While inside, what this process and its libraries print goes to a file."""
    kept = [os.dup(1), os.dup(2)]
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    before = sys.stderr
    errors = _Errors(before)
    for number in (1, 2):
        os.dup2(file, number)
    os.close(file)
    sys.stderr = errors
    try:
        yield errors
    finally:
        sys.stderr = before
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, old in zip((1, 2), kept, strict=True):
            os.dup2(old, number)
            os.close(old)
