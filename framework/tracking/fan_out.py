"""Trackers behind threads: the training loop only puts a call into a queue.

Each tracker is opened, called and closed on a thread of its own. Whatever it raises is reported
once, and the tracker is dropped.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

FLUSH_SECONDS = 1.0
CLOSE_SECONDS = 30.0
_LOOK_SECONDS = 0.05  # between looks whether a sink that is waited for was dropped
_MOST_CALLS = 100_000  # a tracker so far behind hangs; more would only fill the memory


class Sink(Protocol):
    """A tracker that may raise and may wait."""

    def scalars(self, step: int, values: Mapping[str, float]) -> None: ...  # noqa: D102
    def picture(self, step: int, name: str, image: np.ndarray) -> None: ...  # noqa: D102
    def table(  # noqa: D102
        self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None: ...
    def text(self, step: int, name: str, markdown: str) -> None: ...  # noqa: D102
    def artifact(self, name: str, kind: str, path: Path) -> None: ...  # noqa: D102
    def hyperparameters(  # noqa: D102
        self, values: Mapping[str, object], metrics: Mapping[str, float]
    ) -> None: ...
    def flush(self) -> None: ...  # noqa: D102
    def close(self, succeeded: bool) -> None: ...  # noqa: D102


class Background:
    """A sink on a thread. `make` opens it there. `late`: only once there are scalars, so that a
    slow import does not compete with the start of the training. `awaited`: what it was given
    exists nowhere else, so that `flushed` waits for it.
    """

    def __init__(
        self,
        label: str,
        make: Callable[[], Sink],
        warn: Callable[[str], None],
        late: bool = False,
        awaited: bool = True,
    ) -> None:
        self.label = label
        self._make: Callable[[], Sink] | None = make
        self._warn = warn
        self._awaited = awaited
        self._calls: queue.Queue[tuple[str, tuple[Any, ...]]] = queue.Queue(_MOST_CALLS)
        self._dropped = False
        self._thread = threading.Thread(target=self._run, name=label, daemon=True)
        self._started = False
        if not late:
            self._start()

    def call(self, method: str, *arguments: Any) -> None:
        """Have the sink's method called, after the ones before; never raises, never waits."""
        if self._dropped:
            return
        try:
            self._calls.put_nowait((method, arguments))
        except queue.Full:
            self._drop(f"{_MOST_CALLS} records behind")
            return
        # A run that fails before its first scalars has nothing to record.
        if not self._started and (method == "scalars" or (method == "close" and arguments[0])):
            self._start()

    def flush(self) -> Callable[[float], bool]:
        """Have the sink flushed, after the calls before; returns how to wait for that.

        What is returned takes seconds. False: they were not enough; a sink that was dropped, or
        that no scalars have opened yet, has nothing to wait for.
        """
        if not (self._awaited and self._started):
            return lambda _: True
        done = threading.Event()
        self.call("flush", done)

        def wait(seconds: float) -> bool:
            deadline = time.monotonic() + seconds
            while not (self._dropped or not self._thread.is_alive()):
                left = deadline - time.monotonic()
                if done.wait(max(0.0, min(left, _LOOK_SECONDS))):
                    return True
                if left <= 0:
                    return False
            return True

        return wait

    def join(self, seconds: float) -> bool:
        """Wait until the sink is closed, which `call("close", …)` asks for. False: it was not."""
        if self._started and not self._dropped:
            self._thread.join(seconds)
        return self._dropped or not self._thread.is_alive()

    def _start(self) -> None:
        self._thread.start()
        self._started = True  # from here on, a thread that is not alive has ended

    def _run(self) -> None:
        assert self._make is not None
        try:
            sink = self._make()
            self._make = None  # it may hold a run's rows
        except BaseException as error:
            self._drop(_reason(error))
            return
        try:
            self._work(sink)
        except BaseException as error:
            self._drop(_reason(error))
            with contextlib.suppress(BaseException):
                sink.close(False)

    def _work(self, sink: Sink) -> None:
        flushed = time.monotonic()
        unflushed = False
        while not self._dropped:
            with contextlib.suppress(queue.Empty):
                method, arguments = self._calls.get(timeout=FLUSH_SECONDS if unflushed else None)
                if method == "flush":
                    sink.flush()
                    flushed, unflushed = time.monotonic(), False
                    for done in arguments:
                        done.set()
                    continue
                getattr(sink, method)(*arguments)
                if method == "close":
                    return
                unflushed = True
            if time.monotonic() - flushed >= FLUSH_SECONDS:
                sink.flush()
                flushed, unflushed = time.monotonic(), False
        sink.close(False)

    def _drop(self, reason: str) -> None:
        if not self._dropped:
            self._dropped = True
            self._warn(f"{self.label} stopped recording: {reason}; the training goes on")


class FanOut:
    """Several sinks as one tracker; see `Tracker` for the methods."""

    def __init__(self, sinks: Sequence[Background], warn: Callable[[str], None]) -> None:
        self._sinks = tuple(sinks)
        self._warn = warn
        self._closed = False

    # What the caller may change afterwards is copied.

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step."""
        self._call("scalars", int(step), dict(values))

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """An image, uint8 [height, width, 3]."""
        self._call("picture", int(step), name, np.array(image, dtype=np.uint8))

    def table(
        self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """Rows of cells."""
        self._call("table", int(step), name, tuple(columns), [tuple(row) for row in rows])

    def text(self, step: int, name: str, markdown: str) -> None:
        """Markdown."""
        self._call("text", int(step), name, markdown)

    def artifact(self, name: str, kind: str, path: Path) -> None:
        """A file or a directory."""
        self._call("artifact", name, kind, path)

    def hyperparameters(self, values: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """What was chosen, and what came of it."""
        self._call("hyperparameters", dotted(values), dict(metrics))

    def flush(self) -> None:
        """Have everything so far handed to the operating system soon."""
        self._call("flush")

    def flushed(self, seconds: float) -> bool:
        """Have everything so far handed to the operating system, and wait for it; any thread."""
        deadline = time.monotonic() + seconds
        waits = [sink.flush() for sink in self._sinks]
        return all(wait(max(0.0, deadline - time.monotonic())) for wait in waits)

    def close(self, succeeded: bool) -> None:
        """Finish all records; at most CLOSE_SECONDS, a second call does nothing."""
        if self._closed:
            return
        self._call("close", succeeded)
        self._closed = True
        deadline = time.monotonic() + CLOSE_SECONDS
        for sink in self._sinks:
            if not sink.join(max(0.0, deadline - time.monotonic())):
                self._warn(
                    f"{sink.label} did not finish in {CLOSE_SECONDS:.0f} s: "
                    "its last records may be missing"
                )

    def _call(self, method: str, *arguments: Any) -> None:
        if not self._closed:
            for sink in self._sinks:
                sink.call(method, *arguments)


def dotted(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested mappings as one flat one: `{"a": {"b": 1}}` is `{"a.b": 1}`."""
    flat: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= dotted(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _reason(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        where = f" ({error.filename})" if error.filename else ""
        return f"{error.strerror}{where}"
    return next(iter(str(error).strip().splitlines()), "")[:200] or type(error).__name__
