"""Batches on the devices ahead of time."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

from framework.data.source import Batch

DeviceBatch = TypeVar("DeviceBatch")


def on_mesh(
    batches: Iterator[Batch], put: Callable[[Batch], DeviceBatch], ahead: int = 2
) -> Iterator[DeviceBatch]:
    """The batches as `put` places them, `ahead` of them already on their way to the devices.

    Transfers are asynchronous: while a step computes on one batch, the next ones are copied.
    Closing the iterator closes `batches` and ends its worker processes.
    """
    waiting: deque[DeviceBatch] = deque()
    try:
        for batch in batches:
            waiting.append(put(batch))
            if len(waiting) > ahead:
                yield waiting.popleft()
        yield from waiting
    finally:
        close = getattr(batches, "close", None)
        if close is not None:
            close()
