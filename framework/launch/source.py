"""What proposes trials: a grid, or a study that learns from results."""

from collections.abc import Mapping
from typing import Any, Protocol

from framework.launch.trial import State


class SourceLost(Exception):  # noqa: N818
    """A fault of the world: what proposes trials has not answered for too long; one line."""


class Source(Protocol):
    """Gives out points of a space by trial number."""

    def propose(self) -> tuple[int, Mapping[str, Any]] | None:
        """The next trial's number and the values of the swept keys; None where there is none now:
        all are given out, or the next waits for results.
        """
        ...

    def finished(self) -> bool:
        """Whether no trial will be proposed any more.

        Raises:
            SourceLost: that cannot be found out.
        """
        ...

    def report(self, number: int, step: int, metrics: Mapping[str, float]) -> bool:
        """Told of an evaluation of a trial that runs; whether it is to be pruned."""
        ...

    def tell(self, number: int, state: State, result: Mapping[str, float] | None) -> None:
        """Told that a trial has ended, and with which metrics."""
        ...
