"""How long models take to answer, measured side by side."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

_WARM = 3


def interleaved(
    calls: Mapping[str, Callable[[], Any]],
    seconds: float = 1.0,
    least: int = 20,
    most: int = 1000,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[dict[str, float], int]:
    """The median seconds of each call, and how often each was made.

    Each round makes every call once, every other round in the reverse order: what else the
    machine does falls on all alike. A few calls before are not counted.

    Args:
        seconds: for which rounds are made, `least` at the least and `most` at the most.
    """
    for call in calls.values():
        for _ in range(_WARM):
            call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    begun, rounds = clock(), 0
    while rounds < least or (rounds < most and clock() - begun < seconds):
        for name in list(calls) if rounds % 2 else reversed(list(calls)):
            start = clock()
            calls[name]()
            taken[name].append(clock() - start)
        rounds += 1
    return {name: median(times) for name, times in taken.items()}, rounds
