"""What the listeners of one row are told of a call that all rows made together.

Nothing is fetched or cut until a listener asks for it, and then for all rows at once: the others
are going to ask as well.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

from framework.train.loop import Moment
from framework.train.packed.rows import on_host, row_of
from framework.train.state import TrainState

Predictions = list[dict[str, np.ndarray]]
"""Of each batch of a split: outputs [rows, …] and the batch's labels, index and mask."""


@dataclass(frozen=True)
class Together:
    """A call of all rows.

    Attributes:
        moment: of the whole pack; its arrays have a leading axis of rows.
        predict: a state of all rows to its predictions on the watched split.
        like: the state of one row, abstract, where it lies when it is alone.
    """

    moment: Moment
    predict: Callable[[TrainState], Predictions]
    like: TrainState

    @functools.cached_property
    def state(self) -> Any:
        """On the host."""
        return on_host(self.moment.state)

    @functools.cached_property
    def predictions(self) -> Predictions:
        """On the watched split."""
        return self.predict(self.moment.state)

    @functools.cached_property
    def frozen(self) -> np.ndarray | None:
        """bool [rows], whether a row has ended at a bad step; None where nobody looks for them."""
        guard = self.moment.state.guard
        return None if guard is None else np.asarray(guard.frozen)


@dataclass(frozen=True)
class RowMoment:
    """A `Moment` of one row.

    Attributes:
        all: the call that it is part of.
        row: the place of the row.
    """

    all: Together
    row: int
    step: int
    size: int
    waited: float
    metrics: Mapping[str, Any]

    @classmethod
    def of(cls, together: Together, row: int) -> "RowMoment":
        """The part of a call that is a row's."""
        moment = together.moment
        metrics = RowMetrics(moment.metrics, row)
        return cls(together, row, moment.step, moment.size, moment.waited, metrics)

    def crosses(self, every: int | None) -> bool:
        """Whether a multiple of `every` steps was reached in this call."""
        return self.all.moment.crosses(every)

    @property
    def state(self) -> TrainState:
        """As the row would have it alone."""
        state: TrainState = row_of(self.all.state, self.row, self.all.like)
        return state

    @property
    def is_made(self) -> bool:
        """Whether the row's state is that of this step, and not frozen since a bad one."""
        frozen = self.all.frozen
        return frozen is None or not bool(frozen[self.row])


@dataclass(frozen=True)
class RowMetrics(Mapping[str, "RowArray"]):
    """A row of the metrics of a call, cut when they are read."""

    metrics: Mapping[str, jax.Array]
    row: int

    def __getitem__(self, name: str) -> "RowArray":
        """One metric."""
        return RowArray(self.metrics[name], self.row)

    def __iter__(self) -> Iterator[str]:
        """Their names."""
        return iter(self.metrics)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.metrics)


@dataclass(frozen=True)
class RowArray:
    """A row of an array on the devices, as far as listeners read one."""

    array: jax.Array = field(repr=False)
    row: int

    def copy_to_host_async(self) -> None:
        """Begins to fetch all rows; again does nothing."""
        self.array.copy_to_host_async()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """The row's own numbers; JAX keeps what it has fetched, for the other rows."""
        del copy
        return np.asarray(np.asarray(self.array)[self.row], dtype)
