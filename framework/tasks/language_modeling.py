"""Language modeling: the next token of a text."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jaxtyping import Array, Float

from framework import stats
from framework.config import NonNegativeFloat, Problem
from framework.spec import Spec
from framework.tasks.task import Batch, Losses

Logits = Float[Array, "batch length vocabulary"]


@struct.dataclass
class LanguageModeling:
    """Cross entropy of the next token, in nats, over the tokens that have one.

    Labels are int [batch, length], −1 where nothing is predicted. `z_loss` times the squared
    log of the softmax's normaliser is added, which keeps logits from drifting (PaLM,
    arXiv:2204.02311, section 5; there 1e-4). The logged `log_loss` is without it.
    """

    z_loss: NonNegativeFloat = 0.0

    def check(self, spec: Spec) -> list[Problem]:
        """Labels that are no tokens."""
        if spec.labels.kind == "token":
            return []
        name = "framework.tasks.LanguageModeling"
        expected = f"a task for labels of kind {spec.labels.kind}"
        hint = "choose data that are text: data=text data.path=FOLDER"
        return [Problem("_target_", name, expected, hint)]

    def outputs(self, spec: Spec) -> int:
        """One output for each token of the vocabulary."""
        return spec.labels.width

    def loss(self, outputs: Logits, batch: Batch) -> tuple[Losses, dict[str, Losses]]:
        """The loss of each token, and `log_loss` and `accuracy` of each."""
        logits = outputs.astype(jnp.float32)
        normaliser = jax.nn.logsumexp(logits, -1)
        nats = normaliser - _chosen(logits, batch["labels"])
        right = logits.argmax(-1) == batch["labels"]
        measured = {"log_loss": nats, "accuracy": right.astype(jnp.float32)}
        return nats + self.z_loss * jnp.square(normaliser), measured

    def weights(self, batch: Batch) -> Float[Array, "batch length"]:
        """1 for each token that has a next one."""
        return (batch["labels"] >= 0).astype(jnp.float32)

    def predict(self, outputs: Logits, batch: Batch) -> dict[str, jax.Array]:
        """`log_likelihood` of each label, `confidence` in the most probable token and whether
        that was `correct`, [batch, length] each; and the rows' `bytes`.
        """
        logits = outputs.astype(jnp.float32)
        normaliser = jax.nn.logsumexp(logits, -1)
        return {
            "log_likelihood": _chosen(logits, batch["labels"]) - normaliser,
            "confidence": jnp.exp(logits.max(-1) - normaliser),
            "correct": logits.argmax(-1) == batch["labels"],
            "bytes": jnp.asarray(batch["bytes"]),
        }

    def metric_names(self, spec: Spec) -> tuple[str, ...]:
        """The names of `framework.stats` for language."""
        del spec
        return stats.language_metric_names()

    def metrics(
        self, predictions: Mapping[str, np.ndarray], labels: np.ndarray, spec: Spec
    ) -> dict[str, float]:
        """Log loss, perplexity, bits per byte, accuracy, calibration; see `framework.stats`."""
        del spec
        return stats.language_metrics(
            predictions["log_likelihood"],
            predictions["confidence"],
            predictions["correct"],
            labels >= 0,
            predictions["bytes"],
        )


def _chosen(logits: Logits, labels: jax.Array) -> Losses:
    """The logit of each label; padding takes the first."""
    places = jnp.maximum(labels, 0)[..., None]
    return jnp.take_along_axis(logits, places, -1)[..., 0]
