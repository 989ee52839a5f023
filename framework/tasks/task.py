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
Losses = Float[Array, "batch ..."]


class Task(Protocol):
    """Loss, predictions and metrics of a model's outputs. Instances are pytrees of values."""

    def check(self, spec: Spec) -> list[Problem]:
        """What makes this task unfit for data of `spec`; keys are relative to the task."""
        ...

    def outputs(self, spec: Spec) -> int:
        """How many outputs the model must have."""
        ...

    def loss(
        self, outputs: Float[Array, "batch ... outputs"], batch: Batch
    ) -> tuple[Losses, dict[str, Losses]]:
        """The loss of each example, or of each of its tokens, in float32; and further numbers
        of the same shape to log.
        """
        ...

    def weights(self, batch: Batch) -> jax.Array | None:
        """How much each loss counts in the mean over the global batch; None: all the same."""
        ...

    def predict(
        self, outputs: Float[Array, "batch ... outputs"], batch: Batch
    ) -> dict[str, jax.Array]:
        """What evaluation keeps of each example, arrays with a row for each: `probabilities`
        [batch, classes] or `predictions` [batch, targets], in float32.
        """
        ...

    def metric_names(self, spec: Spec) -> tuple[str, ...]:
        """Every name that `metrics` can give."""
        ...

    def metrics(
        self, predictions: Mapping[str, np.ndarray], labels: np.ndarray, spec: Spec
    ) -> dict[str, float]:
        """Metrics of a whole split, without units unless the name says so."""
        ...
