"""A loop whose programs are counters and whose clock is a number: no device, no waiting."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from framework.train.loop import Loop


@dataclass
class Result:
    """A device array that knows whether someone waited for it."""

    awaited: bool = False

    def block_until_ready(self) -> "Result":
        self.awaited = True
        return self


@dataclass
class World:
    """Where the fake loop runs.

    Attributes:
        seconds: steps per call to the seconds that one call takes.
        opening: seconds until a newly opened reader gives its first batch.
        compiled: the sizes asked for, in order.
        fed: (first step, steps) of every batch taken.
        closed: readers that were closed.
        results: of all calls.
    """

    seconds: Callable[[int], float] = lambda size: 0.001 * size
    opening: float = 0.0
    clock: float = 100.0
    compiled: list[int] = field(default_factory=list)
    fed: list[tuple[int, int]] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    results: list[Result] = field(default_factory=list)

    def loop(self, *listeners: Any) -> Loop:
        """The state is the number of steps made."""
        return Loop(call=self._call, feed=self._feed, listeners=listeners)

    def _call(self, size: int) -> Any:
        self.compiled.append(size)

        def call(state: int, batch: tuple[int, int]) -> tuple[int, dict[str, Any]]:
            assert batch == (state, size)
            self.clock += self.seconds(size)
            self.results.append(Result())
            return state + size, {"loss": self.results[-1]}

        return call

    def _feed(self, start: int, size: int) -> Iterator[tuple[int, int]]:
        self.opened += 1
        self.clock += self.opening
        try:
            while True:
                self.fed.append((start, size))
                yield start, size
                start += size
        finally:
            self.closed += 1


class Ear:
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def on_step(self, moment: Any) -> None:
        self.heard.append(("step", moment.step, moment.size, moment.state))

    def on_eval(self, step: int, metrics: dict[str, float]) -> None:
        self.heard.append(("eval", step, metrics))

    def on_end(self, step: int) -> None:
        self.heard.append(("end", step))
