"""What an example looks like: the one description that data, models and tasks share."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Field:
    """One input array of an example, as the model sees it (after preprocessing).

    `vocabulary` holds the number of categories of each column of a table, or the number of
    tokens; `names` the columns' names.
    """

    shape: tuple[int, ...]
    dtype: str
    vocabulary: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Labels:
    """What is predicted: one class of `names`, any of `names`, or a number for each of `names`."""

    kind: Literal["class", "multi_label", "number"]
    names: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of classes or of target columns."""
        return len(self.names)


@dataclass(frozen=True)
class Spec:
    """Inputs and labels of a data set."""

    inputs: Field | Mapping[str, Field]
    labels: Labels
