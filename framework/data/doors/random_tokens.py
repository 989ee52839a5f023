"""Random tokens: a language model's data for plans and measurements of speed, without a corpus."""

from dataclasses import dataclass

import numpy as np

from framework.config import NonNegativeInt, PositiveInt
from framework.data.dataset import Data
from framework.data.fingerprint import fingerprint
from framework.data.preprocess import Identity
from framework.data.random import fold
from framework.data.source import Batch
from framework.spec import Field, Labels, Spec


def random_tokens(
    *,
    vocabulary: PositiveInt,
    sequence_length: PositiveInt,
    batch_size: PositiveInt,
    examples: PositiveInt = 2**20,
    seed: NonNegativeInt = 0,
    workers: NonNegativeInt = 0,
) -> Data:
    """Rows of independent, uniform tokens, each row one document and a function of its number.

    There is nothing to learn: the loss stays at log(`vocabulary`). A token stands for one byte.
    Validation and test have a 64th of the `examples` each.
    """
    sizes = {"train": examples, "validation": -(-examples // 64), "test": -(-examples // 64)}
    splits = {
        name: RandomTokens(name, size, vocabulary, sequence_length, seed + number)
        for number, (name, size) in enumerate(sizes.items())
    }
    plain = Field((sequence_length,), "int32")
    tokens = Field((sequence_length,), "int32", vocabulary=(vocabulary,))
    return Data(
        name="random tokens",
        spec=Spec(
            {"tokens": tokens, "positions": plain, "segments": plain},
            Labels("token", count=vocabulary),
        ),
        splits=splits,
        fingerprint=fingerprint({}, {"splits": {n: repr(s) for n, s in splits.items()}}),
        batch_size=batch_size,
        preprocess=Identity(),
        workers=workers,
    )


@dataclass(frozen=True, repr=False)
class RandomTokens:
    """One split: `size` rows of `length` tokens and the ones that follow them."""

    name: str
    size: int
    vocabulary: int
    length: int
    seed: int

    def __len__(self) -> int:
        return self.size

    def __repr__(self) -> str:
        numbers = f"{self.size} × {self.length} of {self.vocabulary}, seed {self.seed}"
        return f"RandomTokens({self.name}, {numbers})"

    def gather(self, indices: np.ndarray) -> Batch:
        """Rows at `indices`, full of one segment each."""
        rows = fold(np.full(1, self.seed, np.uint64), np.asarray(indices, np.uint64))[:, None]
        drawn = fold(rows, np.arange(self.length + 1, dtype=np.uint64)) >> np.uint64(32)
        tokens = (drawn * np.uint64(self.vocabulary) >> np.uint64(32)).astype(np.int32)
        shape = (len(rows), self.length)
        return {
            "inputs": {
                "tokens": tokens[:, :-1],
                "positions": np.broadcast_to(np.arange(self.length, dtype=np.int32), shape),
                "segments": np.ones(shape, np.int32),
            },
            "labels": tokens[:, 1:],
            "bytes": np.full(len(rows), self.length, np.int32),
        }
