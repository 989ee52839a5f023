"""Regression: one or several numbers."""

from collections.abc import Mapping
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Float

from framework import stats
from framework.config import PositiveFloat, Problem
from framework.spec import Spec
from framework.tasks.task import Batch, PerExample

Error = Literal["squared", "absolute", "huber"]


@struct.dataclass
class Regression:
    """Squared, absolute or Huber loss on targets [batch, targets].

    A network learns best when its targets have mean 0 and deviation 1. `offset` and `scale`
    (one number, or one for each target; usually the training targets' mean and deviation)
    make them so: the model's output is (target - offset) / scale, and so is the loss.
    Predictions, and all metrics made from them, are in the units of the labels.

    `delta` is where the Huber loss turns from squared to absolute, in units of `scale`. The
    squared loss has no factor 1/2; Huber's has (Huber 1964).
    """

    error: Error = struct.field(pytree_node=False, default="squared")  # type: ignore[no-untyped-call]
    offset: float | tuple[float, ...] = 0.0
    scale: PositiveFloat | tuple[PositiveFloat, ...] = 1.0
    delta: PositiveFloat = 1.0

    def check(self, spec: Spec) -> list[Problem]:
        """Labels that are not numbers; offsets and scales that are not one for each target."""
        if spec.labels.kind != "number":
            names = {"class": "classification", "token": "language_modeling"}
            task = names.get(spec.labels.kind, spec.labels.kind)
            expected = f"a task for labels of kind {spec.labels.kind}"
            return [
                Problem("_target_", "framework.tasks.Regression", expected, f"choose task={task}")
            ]
        width = spec.labels.width
        return [
            Problem(name, list(value), f"one number, or one for each of the {width} targets")
            for name, value in (("offset", self.offset), ("scale", self.scale))
            if isinstance(value, tuple) and len(value) != width
        ]

    def outputs(self, spec: Spec) -> int:
        """One output for each target."""
        return spec.labels.width

    def loss(
        self, outputs: Float[Array, "batch targets"], batch: Batch
    ) -> tuple[PerExample, dict[str, PerExample]]:
        """The mean loss over the targets, and `mean_absolute_error` in the labels' units."""
        labels = batch["labels"].astype(jnp.float32)
        distance = outputs.astype(jnp.float32) - (labels - _row(self.offset)) / _row(self.scale)
        absolute = jnp.abs(distance)
        if self.error == "squared":
            loss = jnp.square(distance)
        elif self.error == "absolute":
            loss = absolute
        else:
            near = jnp.minimum(absolute, self.delta)
            loss = 0.5 * jnp.square(near) + self.delta * (absolute - near)
        return loss.mean(-1), {"mean_absolute_error": (absolute * _row(self.scale)).mean(-1)}

    def weights(self, batch: Batch) -> None:
        """All examples count the same."""

    def predict(self, outputs: Float[Array, "batch targets"], batch: Batch) -> dict[str, jax.Array]:
        """`predictions` [batch, targets] in the labels' units."""
        del batch
        return {"predictions": outputs.astype(jnp.float32) * _row(self.scale) + _row(self.offset)}

    def metric_names(self, spec: Spec) -> tuple[str, ...]:
        """The names of `framework.stats` for regression."""
        return stats.regression_metric_names(spec.labels.names)

    def metrics(
        self, predictions: Mapping[str, np.ndarray], labels: np.ndarray, spec: Spec
    ) -> dict[str, float]:
        """Errors and explained variance; see `framework.stats`."""
        return stats.regression_metrics(predictions["predictions"], labels, spec.labels.names)


def _row(value: float | tuple[float, ...]) -> jax.Array:
    """One number, or a row with one for each target."""
    if isinstance(value, tuple):
        return jnp.stack([jnp.asarray(v, jnp.float32) for v in value])
    return jnp.asarray(value, jnp.float32)
