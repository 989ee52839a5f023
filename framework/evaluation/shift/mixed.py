"""A split into which other data of the same kind are mixed: another author, a later year."""

from dataclasses import dataclass

import jax
import numpy as np

from framework.data import Batch, Source


@dataclass(frozen=True, repr=False)
class Mixed:
    """`share` of the examples of `source` are replaced by examples of `other`.

    Which ones, and by which, follows from the seed alone.
    """

    source: Source
    other: Source
    share: float
    seed: int = 0

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        return f"Mixed({self.source!r}, {self.other!r}, {self.share}, {self.seed})"

    def gather(self, indices: np.ndarray) -> Batch:
        """The examples at `indices`, each from the one or the other."""
        indices = np.asarray(indices)
        random = np.random.default_rng(self.seed)
        replaced = (random.permutation(len(self.source)) < self.share * len(self.source))[indices]
        standing_in = random.integers(0, len(self.other), len(self.source))[indices]
        if not replaced.any():
            return self.source.gather(indices)
        own = self.source.gather(indices)
        others = self.other.gather(standing_in)

        def choose(one: np.ndarray, two: np.ndarray) -> np.ndarray:
            return np.where(replaced.reshape(-1, *[1] * (one.ndim - 1)), two, one)

        return dict(jax.tree.map(choose, own, others))
