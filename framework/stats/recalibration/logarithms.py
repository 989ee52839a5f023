"""Log-probabilities as recalibration takes them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.checks import hard_and_soft, matrix

_LEAST = float(np.log(np.finfo(np.float32).tiny))  # −87.3: what float32 calls zero


def checked(
    log_probabilities: ArrayLike, labels: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Logits or log-probabilities [n, classes], normalised, and their classes [n].

    Raises:
        ValueError: no examples, shapes that do not fit, NaN, or a label outside the classes.
    """
    given = normalised(log_probabilities)
    return given, hard_and_soft(labels, *given.shape)[0]


def normalised(log_probabilities: ArrayLike) -> NDArray[np.float64]:
    """Log-probabilities of logits, [n, classes]; none below −87.3, where float32 has zero.

    A probability of 0 of the true class would cost infinitely much whatever the temperature.
    """
    given = matrix(log_probabilities, "log-probabilities")
    if np.isnan(given).any() or (given == np.inf).any():
        raise ValueError("a log-probability is not a number")
    return np.maximum(log_softmax(np.maximum(given, -1e30)), _LEAST)


def log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logits [n, classes] less the logarithm of the sum of their exponentials."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities [n, classes] of logits."""
    probabilities: NDArray[np.float64] = np.exp(log_softmax(logits))
    return probabilities
