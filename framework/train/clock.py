"""Where the time of a run goes: every moment of the process belongs to one category."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping

import jax.monitoring

from framework.run import BEGUN, Category

_COMPILING = "/jax/core/compile/"
_of_process: list["Clock"] = []  # the one that JAX tells of what it compiles


class Clock:
    """Counts seconds by category; begins with the start-up of the process.

    What JAX spends on tracing and compiling, whoever asked for it, is `compile`.
    """

    def __init__(self, begun: float | None = None) -> None:
        self._thread = threading.get_ident()
        self._seconds: dict[Category, float] = {}
        self._now: Category = "start_up"
        self.begun = time.time() if begun is None else begun
        before = time.time() - self.begun
        self._since = time.perf_counter() - before
        self._compiled: list[tuple[float, float]] = []

    @classmethod
    def of_process(cls) -> "Clock":
        """That of a run in this process: of the first one from the process' first moment on."""
        clock = cls(None if _of_process else BEGUN)
        for former in _of_process:
            jax.monitoring.unregister_event_duration_listener(former._hear)
        _of_process[:] = [clock]
        jax.monitoring.register_event_duration_secs_listener(clock._hear)
        return clock

    @contextlib.contextmanager
    def during(self, category: Category) -> Iterator[None]:
        """While inside, time counts as `category`; inside of it others may be."""
        before, self._now = self._switch(category), category
        try:
            yield
        finally:
            self._switch(before)

    @property
    def now(self) -> Category:
        """What the time is spent on at present."""
        return self._now

    def restart(self) -> None:
        """Counts anew from now on, as a new attempt does in the same process."""
        self._switch("start_up")
        self._seconds.clear()
        self.begun = time.time()

    def begin(self, category: Category) -> None:
        """From now on, time counts as `category`."""
        self._switch(category)

    def seconds(self) -> Mapping[Category, float]:
        """By category, up to now."""
        self._switch(self._now)
        return dict(self._seconds)

    def _switch(self, category: Category) -> Category:
        before, now = self._now, time.perf_counter()
        spent = now - self._since
        compiled = min(spent, sum(end - start for start, end in self._compiled))
        self._compiled.clear()
        self._add(before, spent - compiled)
        self._add("compile", compiled)
        self._now, self._since = category, now
        return before

    def _add(self, category: Category, seconds: float) -> None:
        self._seconds[category] = self._seconds.get(category, 0.0) + seconds

    def _hear(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        del kwargs
        if not event.startswith(_COMPILING) or threading.get_ident() != self._thread:
            return
        end = time.perf_counter()
        start = end - duration_secs
        # A function traced within another one tells of both.
        while self._compiled and self._compiled[-1][0] >= start:
            self._compiled.pop()
        self._compiled.append((start, end))
