"""What a task is: the meaning of a batch."""

from collections.abc import Mapping
from typing import Protocol

import jax
import numpy as np
from jaxtyping import Array, Float

from framework.config import Problem
from framework.spec import Spec

Batch = Mapping[str, jax.Array]
PerExample = Float[Array, "batch"]


class Task(Protocol):
    """Loss, predictions and metrics of a model's outputs. Instances are pytrees of values."""

    def check(self, spec: Spec) -> list[Problem]:
        """What makes this task unfit for data of `spec`; keys are relative to the task."""
        ...

    def outputs(self, spec: Spec) -> int:
        """How many outputs the model must have."""
        ...

    def loss(
        self, outputs: Float[Array, "batch outputs"], batch: Batch
    ) -> tuple[PerExample, dict[str, PerExample]]:
        """The loss of each example in float32, and further numbers of each to log."""
        ...

    def predict(self, outputs: Float[Array, "batch outputs"]) -> dict[str, jax.Array]:
        """`probabilities` [batch, classes] or `predictions` [batch, targets], in float32."""
        ...

    def metric_names(self, spec: Spec) -> tuple[str, ...]:
        """Every name that `metrics` can give."""
        ...

    def metrics(
        self, predictions: Mapping[str, np.ndarray], labels: np.ndarray, spec: Spec
    ) -> dict[str, float]:
        """Metrics of a whole split, without units unless the name says so."""
        ...
