"""Classification: one class of several, or any number of them."""

from collections.abc import Mapping
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Float

from framework import stats
from framework.config import Fraction, NonNegativeFloat, Problem
from framework.spec import Spec
from framework.tasks.task import Batch, PerExample

Kind = Literal["multi_class", "multi_label"]
_LABELS: dict[str, str] = {"multi_class": "class", "multi_label": "multi_label"}


@struct.dataclass
class Classification:
    """Cross entropy of softmax (`multi_class`) or of a sigmoid for each class (`multi_label`).

    Binary classification is `multi_class` with two classes. The labels of `multi_class` are
    classes int [batch], or soft labels float [batch, classes] whose rows sum to 1; those of
    `multi_label` are float [batch, classes] in [0, 1].

    `label_smoothing` moves that share of each label's mass to the uniform distribution
    (Szegedy et al. 2016). `class_weights` multiply each class's term of the cross entropy,
    q_c log p_c; the loss is not divided by their sum, so weights of mean 1 keep its scale.
    """

    kind: Kind = struct.field(pytree_node=False, default="multi_class")  # type: ignore[no-untyped-call]
    label_smoothing: Fraction = 0.0
    class_weights: tuple[NonNegativeFloat, ...] | None = None

    def check(self, spec: Spec) -> list[Problem]:
        """Labels of another kind, and class weights that are not one for each class."""
        if spec.labels.kind != _LABELS[self.kind]:
            wanted = {
                "class": "task=classification",
                "multi_label": "task=multi_label",
                "number": "task=regression",
                "token": "task=language_modeling",
            }[spec.labels.kind]
            expected = f"a task for labels of kind {spec.labels.kind}"
            return [Problem("kind", self.kind, expected, f"choose {wanted}")]
        weights, classes = self.class_weights, spec.labels.width
        if weights is not None and len(weights) != classes:
            expected = f"a weight for each of the {classes} classes"
            hint = f"they are, in this order: {', '.join(spec.labels.names[:40])}"
            return [Problem("class_weights", list(weights), expected, hint)]
        return []

    def outputs(self, spec: Spec) -> int:
        """One output for each class."""
        return spec.labels.width

    def loss(
        self, outputs: Float[Array, "batch classes"], batch: Batch
    ) -> tuple[PerExample, dict[str, PerExample]]:
        """Cross entropy in nats, and `accuracy`; of `multi_label` the mean over the classes."""
        logits = outputs.astype(jnp.float32)
        labels = _distribution(batch["labels"], logits.shape[-1])
        if self.kind == "multi_label":
            return self._multi_label_loss(logits, labels)
        smooth = jnp.asarray(self.label_smoothing, jnp.float32)
        target = (1 - smooth) * labels + smooth / logits.shape[-1]
        loss = -(self._weights() * target * jax.nn.log_softmax(logits)).sum(-1)
        right = logits.argmax(-1) == labels.argmax(-1)
        return loss, {"accuracy": right.astype(jnp.float32)}

    def _multi_label_loss(
        self, logits: Float[Array, "batch classes"], labels: Float[Array, "batch classes"]
    ) -> tuple[PerExample, dict[str, PerExample]]:
        smooth = jnp.asarray(self.label_smoothing, jnp.float32)
        target = (1 - smooth) * labels + smooth / 2
        loss = -target * jax.nn.log_sigmoid(logits) - (1 - target) * jax.nn.log_sigmoid(-logits)
        right = (logits > 0) == (labels > 0.5)
        return (self._weights() * loss).mean(-1), {"accuracy": right.mean(-1, dtype=jnp.float32)}

    def weights(self, batch: Batch) -> None:
        """All examples count the same."""

    def predict(self, outputs: Float[Array, "batch classes"], batch: Batch) -> dict[str, jax.Array]:
        """`probabilities` [batch, classes] in float32."""
        del batch
        logits = outputs.astype(jnp.float32)
        if self.kind == "multi_label":
            return {"probabilities": jax.nn.sigmoid(logits)}
        return {"probabilities": jax.nn.softmax(logits)}

    def metric_names(self, spec: Spec) -> tuple[str, ...]:
        """The names of `framework.stats` for this kind."""
        if self.kind == "multi_label":
            return stats.multi_label_metric_names(spec.labels.names)
        return stats.classification_metric_names(spec.labels.names)

    def metrics(
        self, predictions: Mapping[str, np.ndarray], labels: np.ndarray, spec: Spec
    ) -> dict[str, float]:
        """Accuracy, log loss, calibration and the rest; see `framework.stats`."""
        probabilities = predictions["probabilities"]
        if self.kind == "multi_label":
            return stats.multi_label_metrics(probabilities, labels, spec.labels.names)
        return stats.classification_metrics(probabilities, labels, spec.labels.names)

    def _weights(self) -> jax.Array:
        if self.class_weights is None:
            return jnp.ones((), jnp.float32)
        return jnp.stack([jnp.asarray(w, jnp.float32) for w in self.class_weights])


def _distribution(labels: jax.Array, classes: int) -> Float[Array, "batch classes"]:
    """Labels as the mass of each class: classes [batch] become one-hot rows."""
    if labels.ndim == 1:
        return jax.nn.one_hot(labels, classes, dtype=jnp.float32)
    return labels.astype(jnp.float32)
