"""A temperature and a bias for each class."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.recalibration.logarithms import (
    checked,
    log_softmax,
    normalised,
    softmax,
)

_PENALTY = 1e-3
_STEPS = 100


@dataclass(frozen=True)
class VectorScaling:
    """softmax(w ∘ log p + b); Guo et al., ICML 2017, section 4.2. Predictions may change.

    Attributes:
        scales: w, one a class.
        biases: b, one a class.
    """

    scales: tuple[float, ...]
    biases: tuple[float, ...]

    @classmethod
    def fit(cls, log_probabilities: ArrayLike, labels: ArrayLike) -> "VectorScaling":
        """w and b of least Σ log loss + 0.0005 (|w − 1|² + |b|²), by Newton's method.

        The penalty is that of a thousandth of an example: it says which of equal fits (b is free
        up to a constant) is meant, and bounds them where the labels are separable.

        Args:
            log_probabilities: [n, classes] of a split that the model was not trained on.
            labels: int [n].

        Raises:
            ValueError: no examples, shapes that do not fit, NaN, or a label outside the classes.
        """
        logs, hard = checked(log_probabilities, labels)
        classes = logs.shape[1]
        start = np.concatenate([np.ones(classes), np.zeros(classes)])
        true = np.zeros_like(logs)
        true[np.arange(len(logs)), hard] = 1

        def loss(at: NDArray[np.float64]) -> float:
            fitted = log_softmax(logs * at[:classes] + at[classes:])
            return float(-(true * fitted).sum() + _PENALTY / 2 * np.square(at - start).sum())

        at, here = start, loss(start)
        for _ in range(_STEPS):
            slope, curvature = _derivatives(logs, true, at, start)
            step = np.linalg.solve(curvature, slope)
            fall, size = float(slope @ step), 1.0
            if fall < 1e-10 * (1 + abs(here)):
                break
            while (there := loss(at - size * step)) > here - 1e-4 * size * fall and size > 1e-8:
                size /= 2
            at, here = at - size * step, there
        return cls(tuple(at[:classes].tolist()), tuple(at[classes:].tolist()))

    def apply(self, log_probabilities: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities [n, classes].

        Raises:
            ValueError: another number of classes than it was fitted on.
        """
        logs = normalised(log_probabilities)
        if logs.shape[1] != len(self.scales):
            raise ValueError(f"{logs.shape[1]} classes, but it was fitted on {len(self.scales)}")
        return softmax(logs * np.array(self.scales) + np.array(self.biases))

    def json(self) -> dict[str, list[float]]:
        """The fields as `json.dump` takes them."""
        return {"scales": list(self.scales), "biases": list(self.biases)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Sequence[float]]) -> "VectorScaling":
        """What `json` gave."""
        return cls(tuple(fields["scales"]), tuple(fields["biases"]))


def _derivatives(
    logs: NDArray[np.float64],
    true: NDArray[np.float64],
    at: NDArray[np.float64],
    start: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope [2k] and curvature [2k, 2k] of the penalised loss in (w, b)."""
    k = logs.shape[1]
    p = softmax(logs * at[:k] + at[k:])
    slope = np.concatenate([((p - true) * logs).sum(axis=0), (p - true).sum(axis=0)])
    both = np.concatenate([p * logs, p], axis=1)
    curvature = -both.T @ both
    curvature[:k, :k] += np.diag((p * logs * logs).sum(axis=0))
    curvature[k:, k:] += np.diag(p.sum(axis=0))
    mixed = np.diag((p * logs).sum(axis=0))
    curvature[:k, k:] += mixed
    curvature[k:, :k] += mixed
    curvature[np.diag_indices(2 * k)] += _PENALTY
    return slope + _PENALTY * (at - start), curvature
