"""How many steps one program makes, found by timing both ways on the run's own first steps.

A scan over steps saves the dispatch of each, which a tiny dense step feels (8 to 27 % here); a
convolution on a CPU leaves XLA's threaded code inside a loop and becomes several times slower.
"""

import math
import time
from collections.abc import Iterable

from framework.train.loop import Loop
from framework.train.state import TrainState

LARGEST = 32
SLOW_STEP = 0.01  # seconds; the 0.2 ms of a dispatch cannot matter beside it
MARGIN = 0.98  # a scan must gain at least 2 % to be taken
WARM_UP = 3


def candidate(cadences: Iterable[int]) -> int:
    """The largest number of steps up to 32 that divides every interval at which someone listens."""
    common = math.gcd(*cadences)
    return max(size for size in range(1, min(common, LARGEST) + 1) if common % size == 0)


def measure(loop: Loop, state: TrainState, step: int, until: int, size: int) -> tuple[
    TrainState, int, int
]:
    """Trains the first steps both ways; returns the state, the step reached and the choice."""
    if size < 4 or until - step < 10 * size:
        return state, step, 1
    aligned = -(-(step + WARM_UP + size) // size) * size
    state, step = loop.advance(state, step, step + WARM_UP, 1)
    first, (state, step) = _timed(loop, state, step, aligned, 1)
    if first > SLOW_STEP or loop.stopped:
        return state, step, 1
    state, step = loop.advance(state, step, step + size, size)
    several, (state, step) = _timed(loop, state, step, step + 4 * size, size)
    return state, step, size if several < MARGIN * first else 1


def _timed(
    loop: Loop, state: TrainState, step: int, until: int, size: int
) -> tuple[float, tuple[TrainState, int]]:
    """Seconds a step."""
    loop.drain()
    begun = time.perf_counter()
    state, reached = loop.advance(state, step, until, size)
    loop.drain()
    return (time.perf_counter() - begun) / max(reached - step, 1), (state, reached)
