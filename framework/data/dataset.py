"""A data set: its splits, what an example looks like, and how it is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from framework.config import Problem
from framework.data.augment import Augmentation
from framework.data.preprocess import Preprocess
from framework.data.source import Source
from framework.spec import Spec


@dataclass(frozen=True)
class Data:
    """What every door returns and the loader reads.

    `splits` has `train`, `validation`, `test`, and any other split that the door was given.
    `fingerprint` is a SHA-256 over the content and over what was decided about it: the splits, the
    columns, the classes. `categories` names the categories of each categorical column of a table;
    index 0 stands for a missing or unknown value, index i + 1 for the i-th name.
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


def check_batch_size(data: Data) -> list[Problem]:
    """A batch must not hold an example twice: at most the training split."""
    examples = len(data.splits["train"])
    if data.batch_size <= examples:
        return []
    expected = f"at most {examples}, the number of training examples of {data.name}"
    return [Problem("batch_size", data.batch_size, expected)]
