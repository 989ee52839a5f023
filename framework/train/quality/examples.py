"""The examples of all splits, one after the other, as far as the looks at data need them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from framework.data import Data, Subset
from framework.stats.quality.duplicates import row_digests
from framework.train.quality.features import Features, moments, standardised

_AT_ONCE = 1024
_ROUNDED = 100
"""Numbers of a table are alike where they are the same to a hundredth of the column's deviation."""


@dataclass(frozen=True, eq=False)
class Examples:
    """What is known of n examples of all splits.

    Attributes:
        names: of the splits that hold examples, in order.
        splits: int64 [n], the number of each one's split.
        index: int64 [n], its position in the split.
        digests: uint64 [n, 2] of its inputs.
        rounded: the same of a table's numbers after rounding; None for other data.
        vectors: float32 [n, width], its features.
        labels: [n, …]; zeros of text, whose labels are its own tokens.
        tokens: int32 [n, length] of text.
        mask: bool [n, length] of text.
    """

    names: tuple[str, ...]
    splits: np.ndarray
    index: np.ndarray
    digests: np.ndarray
    rounded: np.ndarray | None
    vectors: np.ndarray
    labels: np.ndarray
    tokens: np.ndarray | None
    mask: np.ndarray | None

    def __len__(self) -> int:
        return len(self.splits)

    def rows_of(self, split: str) -> np.ndarray:
        """Places of a split's examples among all."""
        return np.flatnonzero(self.splits == self.names.index(split))

    def where(self, row: int) -> tuple[str, int]:
        """The split of an example and its position there."""
        return self.names[int(self.splits[row])], int(self.index[row])


def looked_at(data: Data, most: int) -> dict[str, Subset]:
    """Of each split that is not empty at most so many examples, evenly spaced."""
    return {
        name: Subset(name, source, _places(len(source), most))
        for name, source in data.splits.items()
        if len(source)
    }


def read_examples(data: Data, sources: Mapping[str, Subset], features: Features) -> Examples:
    """Reads them a thousand at a time; what is kept of one is its features and hashes."""
    mean, std = moments(data) if features.kind == "table" else (np.zeros(0), np.ones(0))
    parts: dict[str, list[np.ndarray]] = {}

    def keep(name: str, values: np.ndarray) -> None:
        parts.setdefault(name, []).append(values)

    for number, source in enumerate(sources.values()):
        for start in range(0, len(source), _AT_ONCE):
            places = np.arange(start, min(start + _AT_ONCE, len(source)))
            batch = source.gather(places)
            inputs = batch["inputs"]
            arrays = inputs if isinstance(inputs, Mapping) else {"inputs": inputs}
            if features.kind == "text":
                keep("tokens", np.asarray(inputs["tokens"]))
                keep("mask", np.asarray(inputs["segments"]) > 0)
                arrays = {"tokens": np.where(inputs["segments"], inputs["tokens"], -1)}
            if features.kind == "table":
                numbers = standardised(np.asarray(inputs["numeric"]), mean, std)
                steps = np.round(numbers * _ROUNDED)
                keep("rounded", row_digests([steps, np.asarray(inputs["categorical"])]))
            keep("digests", row_digests([np.asarray(array) for array in arrays.values()]))
            keep("vectors", features.of(inputs))
            tokens = data.spec.labels.kind == "token"  # each is the next one of the inputs
            keep("labels", np.zeros(len(places)) if tokens else np.asarray(batch["labels"]))
            keep("splits", np.full(len(places), number))
            keep("index", source.indices[places])
    found = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    return Examples(
        tuple(sources), found["splits"], found["index"], found["digests"], found.get("rounded"),
        found["vectors"], found["labels"], found.get("tokens"), found.get("mask"),
    )  # fmt: skip


def _places(size: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, size - 1, min(size, most)).astype(np.int64))
