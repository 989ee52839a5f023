"""The loop: calls the step and raises events; everything else listens.

Events are methods that a listener may have: `on_step(moment)`, `on_eval(step, metrics)`,
`on_checkpoint(step)`, `on_end(step)`. The loop never waits for the device, but for at most
`IN_FLIGHT` steps at a time: more of them can deadlock virtual devices and gain nothing.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import jax

from framework.train.clock import Clock
from framework.train.state import TrainState
from framework.train.step import Batch, Metrics

IN_FLIGHT = 16
Then = Literal["conclude", "start_again", "set_aside", "fail", "go_back"]


@dataclass(frozen=True)
class Moment:
    """What listeners are told after a call: `size` steps were dispatched, up to `step`.

    `metrics` are device arrays, of shape [size] where size > 1; fetching them waits. `state` is
    given away by the next call: use it at once or copy it.
    """

    step: int
    size: int
    state: TrainState
    metrics: Metrics
    waited: float

    def crosses(self, every: int | None) -> bool:
        """Whether a multiple of `every` steps was reached in this call."""
        return every is not None and self.step // every > (self.step - self.size) // every


class Outcome(NamedTuple):
    """The state that training came to, how many steps that is, and why it ended before its last."""

    state: TrainState
    step: int
    stopped: str | None = None
    then: Then = "conclude"


@dataclass
class Loop:
    """Drives a state through steps.

    Attributes:
        call: steps per call to the compiled program that makes them.
        feed: (start step, steps per call) to an iterator of batches on the devices.
        listeners: heard in this order.
        clock: told what the time is spent on.
        stopped: why the training ends before its last step.
        then: what follows after it has.
    """

    call: Callable[[int], Callable[[TrainState, Batch], tuple[TrainState, Metrics]]]
    feed: Callable[[int, int], Iterator[Batch]]
    listeners: Sequence[Any] = ()
    clock: Clock = field(default_factory=Clock)
    stopped: str | None = None
    then: Then = "conclude"
    _in_flight: deque[jax.Array] = field(default_factory=deque)
    _called: set[int] = field(default_factory=set)

    def emit(self, event: str, *arguments: Any) -> None:
        """Calls the method `event` of every listener that has it."""
        for listener in self.listeners:
            method = getattr(listener, event, None)
            if method is not None:
                method(*arguments)

    def stop(self, reason: str, then: Then = "conclude") -> None:
        """Ends the training after the present call; whoever asks first decides why."""
        if self.stopped is None:
            self.stopped, self.then = reason, then

    def advance(
        self, state: TrainState, step: int, until: int, size: int
    ) -> tuple[TrainState, int]:
        """Makes calls of `size` steps while they fit before `until`, or until stopped."""
        if step + size > until or self.stopped:
            return state, step
        new = size not in self._called
        self._called.add(size)
        call = self.call(size)
        batches = self.feed(step, size)
        hear = [
            method
            for listener in self.listeners
            if (method := getattr(listener, "on_step", None)) is not None
        ]
        try:
            while step + size <= until and not self.stopped:
                begun = time.perf_counter()
                with self.clock.during("data_wait"):
                    batch = next(batches, None)
                if batch is None:
                    break
                waited = time.perf_counter() - begun
                with self.clock.during("compile" if new else "step"):
                    state, metrics = call(state, batch)
                new = False
                step += size
                self._bound(metrics["loss"])
                moment = Moment(step, size, state, metrics, waited)
                for method in hear:
                    method(moment)
        finally:
            close = getattr(batches, "close", None)
            if close is not None:
                close()
        if step + size <= until and not self.stopped:
            raise RuntimeError(f"the data ended at step {step}, before step {until}")
        return state, step

    def drain(self) -> None:
        """Waits for the steps in flight."""
        jax.block_until_ready(list(self._in_flight))
        self._in_flight.clear()

    def _bound(self, result: jax.Array) -> None:
        self._in_flight.append(result)
        if len(self._in_flight) > IN_FLIGHT:
            jax.block_until_ready(self._in_flight.popleft())
