"""The shifts that fit a data set, each at five strengths."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.data import Batch, Source
from framework.evaluation.shift.images import IMAGES
from framework.evaluation.shift.tables import TABLES
from framework.evaluation.shift.texts import TEXTS
from framework.spec import Field, Spec

STRENGTHS = (1, 2, 3, 4, 5)
LABELS = "label shift"


@dataclass(frozen=True)
class Shift:
    """One way in which data may move.

    Attributes:
        name: in words.
        change: a batch, the strength 1 to 5 and a generator to the batch after it.
    """

    name: str
    change: Callable[[Batch, int, np.random.Generator], Batch]


@dataclass(frozen=True, repr=False)
class Shifted:
    """A split after a shift. An example's change depends on the seed and on its index alone,
    where the change itself draws for each example; else on the batch too.
    """

    source: Source
    shift: Shift
    strength: int
    seed: int = 0

    def __len__(self) -> int:
        return len(self.source)

    def __repr__(self) -> str:
        return f"Shifted({self.source!r}, {self.shift.name}, {self.strength}, {self.seed})"

    def gather(self, indices: np.ndarray) -> Batch:
        """The examples at `indices`, changed."""
        key = zlib.crc32(np.ascontiguousarray(indices, np.int64).tobytes())
        random = np.random.default_rng([self.seed, self.strength, key])
        return self.shift.change(self.source.gather(indices), self.strength, random)


def shifts_for(spec: Spec) -> list[Shift]:
    """Of images, tables and texts; none for other data."""
    if isinstance(spec.inputs, Mapping):
        if "tokens" in spec.inputs:
            return [Shift(name, change) for name, change in TEXTS.items()]
        if {"numeric", "categorical"} <= set(spec.inputs):
            return [Shift(name, _of_inputs(change)) for name, change in TABLES.items()]
        return []
    if _are_images(spec.inputs):
        return [Shift(name, _of_inputs(change)) for name, change in IMAGES.items()]
    return []


def _are_images(field: Field) -> bool:
    return not field.vocabulary and len(field.shape) in (2, 3) and min(field.shape[:2]) >= 3


def _of_inputs(
    change: Callable[[Any, int, np.random.Generator], Any],
) -> Callable[[Batch, int, np.random.Generator], Batch]:
    def whole(batch: Batch, strength: int, random: np.random.Generator) -> Batch:
        return {**batch, "inputs": change(batch["inputs"], strength, random)}

    return whole


def with_label_shift(labels: np.ndarray, strength: int, random: np.random.Generator) -> np.ndarray:
    """Indices [n] drawn from examples of these classes, int [n], such that the classes' shares
    move towards the first half of them: by 15 to 75 % of the other half's mass.
    """
    classes = np.unique(labels)
    later = np.isin(labels, classes[len(classes) // 2 :])
    weights = np.where(later, 1 - 0.15 * strength, 1.0)
    return np.sort(random.choice(len(labels), len(labels), p=weights / weights.sum()))
