"""A data set: its splits, what an example looks like, and how it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.data.augment import IMAGES_ONLY, Augmentation
from framework.data.mixup import Mixup
from framework.data.preprocess import Preprocess
from framework.data.source import Source
from framework.spec import Field, Spec


@dataclass(frozen=True)
class Data:
    """What every door returns and the loader reads.

    `splits` has `train`, `validation`, `test`, and any other split that the door was given.
    `fingerprint` is a SHA-256 over the content and over what was decided about it: the splits, the
    columns, the classes. `categories` names the categories of each categorical column of a table;
    index 0 stands for a missing or unknown value, index i + 1 for the i-th name. `files` are
    texts that a run keeps, by their names: a tokenizer. `learned` are arguments (JSON values) with
    which the same door reads other data just as these: their means, their columns; `file` in one
    of them names one of `files`.
    """

    name: str
    spec: Spec
    splits: Mapping[str, Source]
    fingerprint: str
    batch_size: int
    preprocess: Preprocess
    augmentations: tuple[Augmentation, ...] = ()
    workers: int = 0
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    learned: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = [
            Problem(f"augmentations.{place}", augmentation, expected)
            for place, augmentation in enumerate(self.augmentations)
            if (expected := _needs(augmentation, self.spec))
        ]
        if problems:
            raise InvalidConfig(*problems)


def _needs(augmentation: Augmentation, spec: Spec) -> str:
    """What an augmentation of ours works on, if this data set is not that."""
    array = isinstance(spec.inputs, Field) and not spec.inputs.vocabulary
    images = isinstance(spec.inputs, Field) and len(spec.inputs.shape) == 3
    if isinstance(augmentation, IMAGES_ONLY) and not images:
        return "an augmentation of images only where there are images"
    if isinstance(augmentation, Mixup) and not array:
        return "mixup only where the inputs are one array of numbers"
    return ""
