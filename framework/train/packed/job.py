"""A training that may become a row, and how it ended."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.train.experiment import Experiment


@dataclass(frozen=True)
class Job:
    """What `framework.train.run` would be given."""

    experiment: Experiment
    config: Mapping[str, Any]
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class End:
    """How a job ended.

    Attributes:
        code: the exit code that `framework.train.run` would have given.
        message: why it is not complete, in one line.
        packed: whether it was a row of a program with others.
    """

    code: int
    message: str = ""
    packed: bool = False


Tell = Callable[[int, End], None]
"""Told of a job's end, by its number."""
