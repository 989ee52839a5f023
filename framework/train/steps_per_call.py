"""How many steps one program makes, found by timing both ways on the run's own first steps.

A scan over steps saves the dispatch of each, which a tiny dense step feels (8 to 27 % here); a
convolution on a CPU leaves XLA's threaded code inside a loop and becomes several times slower.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass

import jax

from framework.train.loop import Loop, Moment
from framework.train.state import TrainState

LARGEST = 32
SLOW_STEP = 0.004  # seconds; the 0.2 ms of a dispatch cannot matter beside it
MARGIN = 0.98  # a scan must gain at least 2 % to be taken
WARM_UP = 3
ROUNDS = 3  # the fastest of each counts: whatever else the machine does only ever slows


def candidate(cadences: Iterable[int]) -> int:
    """The largest number of steps up to 32 that divides every interval at which someone listens."""
    common = math.gcd(*cadences)
    return max(size for size in range(1, min(common, LARGEST) + 1) if common % size == 0)


def measure(
    loop: Loop, state: TrainState, step: int, until: int, size: int
) -> tuple[TrainState, int, int]:
    """Trains the first steps both ways; returns the state, the step reached and the choice.

    Takes at most 12 times `size` steps; where so many are not left, the choice is 1.
    """
    if size < 2 * WARM_UP or until - step < 12 * size:
        return state, step, 1
    # From here on `step` is a multiple of `size`, as the intervals of those who listen are.
    state, step = loop.advance(state, step, step + WARM_UP, 1)
    first, state, step = _timed(loop, state, step, -(-(step + WARM_UP) // size) * size, 1)
    if first > SLOW_STEP or loop.stopped:
        return state, step, 1
    state, step = loop.advance(state, step, step + size, size)  # compiles
    several = math.inf
    for _ in range(ROUNDS):
        seconds, state, step = _timed(loop, state, step, step + 2 * size, size)
        several = min(several, seconds)
        seconds, state, step = _timed(loop, state, step, step + size, 1)
        first = min(first, seconds)
    return state, step, size if several < MARGIN * first else 1


@dataclass
class _Clock:
    """Counts from the end of the first call, so that opening the data's reader is left out."""

    begun: float = 0.0
    step: int = 0

    def on_step(self, moment: Moment) -> None:
        if not self.begun:
            jax.block_until_ready(moment.metrics)
            self.begun, self.step = time.perf_counter(), moment.step


def _timed(
    loop: Loop, state: TrainState, step: int, until: int, size: int
) -> tuple[float, TrainState, int]:
    """Seconds a step, the state and the step reached."""
    clock, before = _Clock(), loop.listeners
    loop.listeners = [*before, clock]
    state, reached = loop.advance(state, step, until, size)
    loop.listeners = before
    loop.drain()
    return (time.perf_counter() - clock.begun) / max(reached - clock.step, 1), state, reached
