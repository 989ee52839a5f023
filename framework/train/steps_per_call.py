"""How many steps one program makes, found by timing both ways on the run's own first steps.

A scan over steps saves the dispatch of each, which a tiny dense step feels (8 to 27 % here); a
convolution on a CPU leaves XLA's threaded code inside a loop and becomes several times slower.
"""

import itertools
import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import jax

from framework.parallel import by_first
from framework.train.loop import Loop, Moment
from framework.train.state import TrainState

LARGEST = 32
SLOW_STEP = 0.004  # seconds; the 0.2 ms of a dispatch cannot matter beside it
WARM_UP = 3
ROUNDS = range(3, 10)  # the fastest of each counts: whatever else the machine does only ever slows


def candidate(cadences: Iterable[int]) -> int:
    """The largest number of steps up to 32 that divides every interval at which someone listens."""
    common = math.gcd(*cadences)
    return max(size for size in range(1, min(common, LARGEST) + 1) if common % size == 0)


def measure(
    loop: Loop, state: TrainState, step: int, until: int, size: int
) -> tuple[TrainState, int, int]:
    """Trains the first steps both ways; returns the state, the step reached and the choice.

    Takes at most 30 times `size` steps; where 12 times are not left, the choice is 1.
    """
    rounds = min((until - step) // (3 * size) - 1, ROUNDS[-1])
    if size < 2 * WARM_UP or rounds < ROUNDS[0]:
        return state, step, 1
    state, step = loop.advance(state, step, step + WARM_UP, 1)
    # From here on `step` is a multiple of `size`, as the intervals of those who listen are.
    aligned = -(-(step + WARM_UP) // size) * size
    clock, state, step = _timed(loop, state, step, aligned, 1, each=True)
    if by_first(lambda: clock.fastest > SLOW_STEP) or loop.stopped:
        return state, step, 1
    state, step = loop.advance(state, step, step + size, size)  # compiles
    first = several = math.inf
    for _ in range(rounds):
        clock, state, step = _timed(loop, state, step, step + 2 * size, size)
        several = min(several, clock.mean)
        clock, state, step = _timed(loop, state, step, step + size, 1)
        first = min(first, clock.mean)
    return state, step, by_first(lambda: size if several < first else 1)


@dataclass
class _Clock:
    """Listens from the end of the first call on: opening the data's reader does not count.

    Attributes:
        each: wait for every call.
        ends: (step, seconds) of the calls waited for.
    """

    each: bool
    ends: list[tuple[int, float]] = field(default_factory=list)

    def on_step(self, moment: Moment) -> None:
        if self.each or not self.ends:
            jax.block_until_ready(moment.metrics)
            self.end(moment.step)

    def end(self, step: int) -> None:
        """All steps up to `step` are done."""
        self.ends.append((step, time.perf_counter()))

    @property
    def fastest(self) -> float:
        """Seconds a step, in the fastest call."""
        pairs = itertools.pairwise(self.ends)
        return min(((b - a) / (m - n) for (n, a), (m, b) in pairs if m > n), default=math.inf)

    @property
    def mean(self) -> float:
        """Seconds a step from the first call's end to the last's."""
        (before, begun), (after, ended) = self.ends[0], self.ends[-1]
        return (ended - begun) / (after - before) if after > before else math.inf


def _timed(
    loop: Loop, state: TrainState, step: int, until: int, size: int, *, each: bool = False
) -> tuple[_Clock, TrainState, int]:
    """The clock, the state and the step reached."""
    clock, before = _Clock(each), loop.listeners
    loop.listeners = [*before, clock]
    state, reached = loop.advance(state, step, until, size)
    loop.listeners = before
    loop.drain()
    clock.end(reached)
    return clock, state, reached
