"""A split whose examples come with what a teacher said about them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from framework.data.source import Batch, Source


@dataclass(frozen=True, repr=False)
class Taught:
    """`source`, each batch of it with `teacher` [b, outputs]: the rows of `said` [n, outputs].

    What is said is of the examples as the source has them: augmentations come later. `about` says
    whose words they are.
    """

    source: Source
    said: np.ndarray
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.said) != len(self.source):
            raise ValueError(f"{len(self.said)} rows were said of {len(self.source)} examples")

    @classmethod
    def blank(cls, source: Source, outputs: int) -> "Taught":
        """Nothing said yet. NaN, so that what was forgotten is not learnt; takes no memory."""
        return cls(source, np.broadcast_to(np.float32(np.nan), (len(source), outputs)))

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        return f"Taught({self.source!r})"

    def gather(self, indices: np.ndarray) -> Batch:
        """The examples at `indices`, with what was said of each."""
        return {**self.source.gather(indices), "teacher": np.take(self.said, indices, axis=0)}

    @property
    def order(self) -> Callable[[int], Any]:
        """The source's own order.

        Raises:
            AttributeError: it has none.
        """
        own: Any = self.source
        order: Callable[[int], Any] = own.order
        return order
