"""Proper scores of every example, for means with intervals and for losses to abstain by."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.bootstrap import RESAMPLES, mean_estimate
from framework.stats.checks import hard_and_soft, matrix, smallest
from framework.stats.estimate import Estimate


def log_losses(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """−Σ_k y_k log p_k of each row in nats, [n]; p clipped as in `classification_metrics`.

    Args:
        probabilities: [n, classes].
        labels: int [n], or float [n, classes].
    """
    p = matrix(probabilities, "probabilities")
    _, soft = hard_and_soft(labels, *p.shape)
    losses: NDArray[np.float64] = -(soft * np.log(_clipped(p, probabilities))).sum(axis=1)
    return losses


def brier_scores(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Σ_k (p_k − y_k)² of each row, [n], from 0 to 2; arguments as of `log_losses`."""
    p = matrix(probabilities, "probabilities")
    _, soft = hard_and_soft(labels, *p.shape)
    scores: NDArray[np.float64] = np.square(p - soft).sum(axis=1)
    return scores


def score_estimates(
    probabilities: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """`log_loss` and `brier_score`, the means over rows, with their intervals.

    Under calibration they would be the mean entropy −Σ p log p and the mean Σ p (1 − p) of the
    probabilities: closed forms, the expected score of a label drawn from its row (Gneiting and
    Raftery, JASA 102, 2007). A model above them is surer than it is right.

    Args:
        probabilities: [n, classes].
        labels: int [n], or float [n, classes].
        groups: [n]; rows of one group are resampled together.
        resamples, seed, level: see `bootstrap`.
    """
    p = matrix(probabilities, "probabilities")
    entropy = -(p * np.log(_clipped(p, probabilities))).sum(axis=1)
    spread = (p * (1 - p)).sum(axis=1)
    of: list[tuple[str, Callable[[ArrayLike, ArrayLike], NDArray[np.float64]], float]] = [
        ("log_loss", log_losses, float(entropy.mean())),
        ("brier_score", brier_scores, float(spread.mean())),
    ]
    return {
        name: mean_estimate(score(probabilities, labels), groups, under, resamples, seed, level)
        for name, score, under in of
    }


def _clipped(p: NDArray[np.float64], given: ArrayLike) -> NDArray[np.float64]:
    return np.clip(p, smallest(given), 1 - smallest(given))
