"""The order of training: an endless sequence of examples in which a position is one number."""

from collections.abc import Iterable
from typing import Protocol

import numpy as np


class Positions(Protocol):
    """An endless sequence of examples that can be read from any position on."""

    def at(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Epochs and indices, int64 [count] each, of positions start, …, start + count - 1."""
        ...


class Order:
    """A new permutation of the examples each epoch, a function of the seed and the epoch alone.

    Position p of the sequence is the example at place p % n of the permutation of epoch p // n.
    The permutation sorts the raw output of Philox (Salmon et al., SC 2011), which NumPy promises
    never to change, unlike `Generator.permutation`: a resume under another version keeps the order.
    """

    def __init__(self, examples: int, seed: int) -> None:
        if examples < 1:
            raise ValueError("an order needs at least one example")
        self.examples, self.seed = examples, seed
        self._epochs: dict[int, np.ndarray] = {}

    def permutation(self, epoch: int) -> np.ndarray:
        """Int64 [examples]."""
        known = self._epochs.get(epoch)
        if known is None:
            bits = np.random.Philox(np.random.SeedSequence([self.seed, epoch]))
            known = np.argsort(bits.random_raw(self.examples), kind="stable")
            # The last two epochs suffice: batches are read nearly in order. Threads may both
            # compute one, to the same result.
            kept = {e: p for e, p in list(self._epochs.items()) if e >= epoch - 1}
            self._epochs = {**dict(list(kept.items())[-1:]), epoch: known}
        return known

    def at(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Epochs and indices, int64 [count] each, of positions start, …, start + count - 1."""
        epochs, indices = [], []
        while count > 0:
            epoch, offset = divmod(start, self.examples)
            part = self.permutation(epoch)[offset : offset + count]
            epochs.append(np.full(len(part), epoch, np.int64))
            indices.append(part)
            start, count = start + len(part), count - len(part)
        return np.concatenate(epochs), np.concatenate(indices)


def batch_number(place: int, passed_over: Iterable[int] = ()) -> int:
    """The number of the global batch at a place of the stream without those `passed_over`."""
    for number in sorted(set(passed_over)):
        if number > place:
            break
        place += 1
    return place
