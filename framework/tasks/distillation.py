"""Distillation: a small model learns from what a large one says, beside the labels."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Float

from framework.config import Fraction, InvalidConfig, PositiveFloat, Problem
from framework.spec import Spec
from framework.tasks.classification import Classification
from framework.tasks.regression import Regression
from framework.tasks.task import Batch, PerExample


@struct.dataclass
class Distillation:
    """`hard_weight` · the loss of the labels + (1 − `hard_weight`) · the loss of the teacher.

    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", arXiv:1503.02531.
    Of classes the teacher's loss is T² · KL(teacher ‖ student), both softmax(logits / T) with T =
    `temperature`: T² keeps its gradient's size as T rises (section 2.1 there). The batch carries
    the teacher's log probabilities `teacher` [batch, classes], which are as good as its logits.
    Of numbers it is the loss of `hard` with the teacher's predictions [batch, targets] in place
    of the labels; there the temperature has no meaning.

    A batch without a teacher, as in evaluation, is one of the task `hard`.
    """

    hard: Classification | Regression
    temperature: PositiveFloat = 1.0
    hard_weight: Fraction = 0.5

    def check(self, spec: Spec) -> list[Problem]:
        """Labels that are not distilled, and what the task of the labels objects to."""
        kinds = {"class": Classification, "number": Regression}
        wanted = kinds.get(spec.labels.kind)
        if wanted is None:
            name, plain = "framework.tasks.Distillation", "task=multi_label"
            if spec.labels.kind == "token":
                plain = "task=language_modeling"
            expected = f"a task for labels of kind {spec.labels.kind}"
            hint = f"only classes and numbers are distilled: choose {plain} and no teacher"
            return [Problem("_target_", name, expected, hint)]
        if not isinstance(self.hard, wanted):
            expected = f"{wanted.__name__} for labels of kind {spec.labels.kind}"
            choice = wanted.__name__.lower()
            hint = f"choose task@task.hard={choice}"
            return [Problem("hard", type(self.hard).__name__, expected, hint)]
        return list(InvalidConfig(*self.hard.check(spec)).under("hard").problems)

    def outputs(self, spec: Spec) -> int:
        """As many as the labels need."""
        return self.hard.outputs(spec)

    def loss(
        self, outputs: Float[Array, "batch outputs"], batch: Batch
    ) -> tuple[PerExample, dict[str, PerExample]]:
        """The weighted sum; its parts `hard_loss` and `teacher_loss`, and what `hard` logs."""
        hard, measured = self.hard.loss(outputs, batch)
        if "teacher" not in batch:
            return hard, measured
        soft = self._of_teacher(outputs, batch)
        share = jnp.asarray(self.hard_weight, jnp.float32)
        parts = {"hard_loss": hard, "teacher_loss": soft}
        return share * hard + (1 - share) * soft, {**measured, **parts}

    def _of_teacher(self, outputs: Float[Array, "batch outputs"], batch: Batch) -> PerExample:
        if isinstance(self.hard, Regression):
            return self.hard.loss(outputs, {**batch, "labels": batch["teacher"]})[0]
        temperature = jnp.asarray(self.temperature, jnp.float32)
        said = jax.nn.log_softmax(outputs.astype(jnp.float32) / temperature)
        taught = jax.nn.log_softmax(batch["teacher"].astype(jnp.float32) / temperature)
        return jnp.square(temperature) * (jnp.exp(taught) * (taught - said)).sum(-1)

    def weights(self, batch: Batch) -> None:
        """All examples count the same."""

    def predict(self, outputs: Float[Array, "batch outputs"], batch: Batch) -> dict[str, jax.Array]:
        """As the task `hard`."""
        return self.hard.predict(outputs, batch)

    def metric_names(self, spec: Spec) -> tuple[str, ...]:
        """As the task `hard`."""
        return self.hard.metric_names(spec)

    def metrics(
        self, predictions: Mapping[str, np.ndarray], labels: np.ndarray, spec: Spec
    ) -> dict[str, float]:
        """As the task `hard`."""
        return self.hard.metrics(predictions, labels, spec)
