"""Learns from the device which steps were bad, a few calls late, and does what is configured."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import jax
import numpy as np

from framework.data import batch_number
from framework.train.bad_steps import BadStep, offending, passed_over
from framework.train.guard import BAD_STEPS, BadSteps
from framework.train.loop import IN_FLIGHT, Loop, Moment
from framework.train.step import Metrics

SAID = 10  # skipped steps of which a line is printed


@dataclass
class BadStepWatch:
    """Stops the loop where the device has frozen the state, and tells of steps left out.

    The metrics of a call are looked at when as many calls have followed as the loop has in flight:
    they are there, and all processes look at the same ones at the same time.

    Attributes:
        count: bad steps that the device had counted when the training began.
        known: the bad steps of the run so far.
        note: keeps a new one.
        tell: prints a line.
    """

    loop: Loop
    options: BadSteps
    count: int
    known: Sequence[BadStep]
    note: Callable[[BadStep], None]
    tell: Callable[[str], None]
    found: BadStep | None = None
    _in_a_row: int = 0
    _told: int = 0
    _pending: deque[tuple[int, Metrics]] = field(default_factory=deque)

    def on_step(self, moment: Moment) -> None:
        """Looks at the call that has just left the loop's queue."""
        moment.metrics[BAD_STEPS].copy_to_host_async()
        self._pending.append((moment.step - moment.size, moment.metrics))
        if len(self._pending) > IN_FLIGHT:
            self._look(*self._pending.popleft())

    def on_checkpoint(self, step: int) -> None:
        """Notes what was bad before it, which a run that continues from it does not see again."""
        self.on_end(step)

    def on_end(self, step: int) -> None:
        """Looks at the last ones."""
        del step
        while self._pending:
            self._look(*self._pending.popleft())

    def _look(self, before: int, metrics: Metrics) -> None:
        counts = np.asarray(metrics[BAD_STEPS]).reshape(-1)
        if self.found is not None or counts[-1] == self.count:
            if self.found is None:
                self._in_a_row = 0
            return
        losses, norms = (_numbers(metrics[name]) for name in ("loss", "gradient_norm"))
        for place, count in enumerate(counts):
            if count > self.count and self.found is None:
                self.count = int(count)
                self._in_a_row += 1
                self._act(before + place + 1, float(losses[place]), float(norms[place]))
            elif self.found is None:
                self._in_a_row = 0

    def _act(self, step: int, loss: float, gradient_norm: float) -> None:
        why = _why(loss, gradient_norm)
        action = self._action()
        left_out = passed_over(self.known)
        batch = batch_number(step - 1, left_out)
        bad = BadStep(
            step, batch, why, _finite(loss), _finite(gradient_norm), action,
            offending(batch, self.options.pass_over, left_out) if action == "rewind" else (),
        )  # fmt: skip
        self.note(bad)
        if action == "skip":
            self._told += 1
            if self._told <= SAID:
                more = "; further ones are noted without a line" if self._told == SAID else ""
                self.tell(f"Step {step} is left out: {why} (batch {batch}){more}")
            return
        self.found = bad
        self.loop.stop(f"in step {step} {why}", "go_back" if action == "rewind" else "fail")

    def _action(self) -> str:
        limit = int(self.options.limit)
        if self.options.action == "skip":
            return "skip" if self._in_a_row <= limit else "stop"
        if self.options.action == "rewind":
            return "rewind" if sum(b.action == "rewind" for b in self.known) < limit else "stop"
        return "stop"


def _why(loss: float, gradient_norm: float) -> str:
    if not math.isfinite(loss):
        return f"the loss is {loss}"
    if not math.isfinite(gradient_norm):
        return f"the gradient is not finite (norm {gradient_norm}, loss {loss:.5g})"
    return f"the loss leaps to {loss:.5g}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _numbers(array: jax.Array) -> np.ndarray:
    return np.asarray(array).reshape(-1)
