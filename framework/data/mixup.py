"""Mixup: training on weighted pairs of examples."""

from dataclasses import dataclass, replace

import numpy as np

from framework.config import PositiveFloat, PositiveInt
from framework.data.random import Keys
from framework.data.source import Batch
from framework.spec import Spec


@dataclass(frozen=True)
class Mixup:
    """weight·example + (1 - weight)·partner, inputs and labels alike; weight ~ Beta(alpha, alpha).

    Zhang et al., "mixup: Beyond empirical risk minimization", arXiv 1710.09412. Partner and
    weight are functions of the set of keys in the global batch, not of its order or of how it is
    divided over processes. Inputs become float32 in their raw units; class labels become float32
    [b, classes]. The loader tells it the number of classes.
    """

    alpha: PositiveFloat = 0.2
    classes: PositiveInt | None = None

    def bind(self, spec: Spec) -> "Mixup":
        """The same for one data set: with its number of classes."""
        return replace(self, classes=spec.labels.width)

    def __call__(self, batch: Batch, keys: Keys) -> Batch:
        """Inputs [b, …] and labels [b] or [b, c] of the whole global batch."""
        order = np.argsort(keys, kind="stable")
        partner = np.empty_like(order)
        partner[order] = np.roll(order, -1)
        weight = np.empty(len(keys), np.float32)
        seed = np.random.SeedSequence([int(k) for k in (keys[order[0]], keys[order[-1]])])
        weight[order] = np.random.Generator(np.random.Philox(seed)).beta(
            self.alpha, self.alpha, len(keys)
        )
        labels = self._soft(batch["labels"])
        return {
            **batch,
            "inputs": _mix(batch["inputs"], partner, weight),
            "labels": _mix(labels, partner, weight),
        }

    def _soft(self, labels: np.ndarray) -> np.ndarray:
        if labels.ndim == 2:
            return labels
        if self.classes is None:
            raise ValueError("Mixup needs the number of classes: call bind(spec) first")
        return np.asarray(np.eye(self.classes, dtype=np.float32)[labels])


def _mix(values: np.ndarray, partner: np.ndarray, weight: np.ndarray) -> np.ndarray:
    values = values.astype(np.float32)
    weight = weight.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(weight * values + (1 - weight) * values[partner])
