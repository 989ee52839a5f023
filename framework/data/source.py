"""Random access to the examples of one split, a whole batch at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

Batch: TypeAlias = dict[str, Any]
"""Host arrays: `inputs` (an array or a dict of them), `labels`, `index`, in evaluation `mask`."""


class Source(Protocol):
    """One split. `repr` must not change between starts: Grain compares it on a resume."""

    def __len__(self) -> int:
        """Number of examples."""
        ...

    def gather(self, indices: np.ndarray) -> Batch:
        """`inputs` and `labels` of the examples at `indices` ([b] integers), in that order."""
        ...


@dataclass(frozen=True, repr=False)
class ArraySource:
    """A split held in memory: one array of inputs (or a dict of them) and one of labels."""

    name: str
    inputs: np.ndarray | Mapping[str, np.ndarray]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def __repr__(self) -> str:
        return f"ArraySource({self.name}, {len(self)})"

    def gather(self, indices: np.ndarray) -> Batch:
        """Copies of the examples at `indices`."""
        inputs = self.inputs
        if isinstance(inputs, Mapping):
            taken: Any = {name: np.take(column, indices, axis=0) for name, column in inputs.items()}
        else:
            taken = np.take(inputs, indices, axis=0)
        return {"inputs": taken, "labels": np.take(self.labels, indices, axis=0)}


@dataclass(frozen=True, repr=False)
class Subset:
    """Some examples of another source: a split taken from one set of files."""

    name: str
    source: Source
    indices: np.ndarray

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"Subset({self.name}, {len(self)} of {self.source!r})"

    def gather(self, indices: np.ndarray) -> Batch:
        """The examples at `indices` of this subset."""
        return self.source.gather(np.take(self.indices, indices))
