"""Abstaining: what a model's loss would be if it answered only where it is surest."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.bootstrap import RESAMPLES, interval, resampled_weights
from framework.stats.estimate import Estimate

_AREA, _EXCESS = "area_under_risk_coverage", "excess_area_under_risk_coverage"


@dataclass(frozen=True, eq=False)
class RiskCoverage:
    """Mean loss of the surest examples, one point for each distinct confidence.

    Attributes:
        coverage: float64 [points], share of the examples answered, rising to 1.
        risk: float64 [points], their mean loss.
        threshold: float64 [points], the least confidence answered.
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    threshold: NDArray[np.float64]


def risk_coverage(losses: ArrayLike, confidence: ArrayLike) -> RiskCoverage:
    """The risk-coverage curve (El-Yaniv and Wiener, JMLR 11, 2010); no points for no examples.

    Args:
        losses: [n], any loss of each example, e.g. 1 where it is wrong.
        confidence: [n], higher means surer.

    Raises:
        ValueError: shapes that differ, or values that are not finite.
    """
    loss, sure = _checked(losses, confidence)
    threshold, start = _ties(-sure)
    total = np.cumsum(_grouped(loss[np.argsort(-sure, kind="stable")][None], start)[0])
    size = np.append(start[1:], len(loss))[: len(start)]
    return RiskCoverage(size / max(len(loss), 1), total / size, -threshold)


def area_under_risk_coverage(losses: ArrayLike, confidence: ArrayLike) -> float:
    """AURC = (1/n) Σ_k (mean loss of the k surest); Geifman, Uziel and El-Yaniv, ICLR 2019.

    Examples of equal confidence are in random order, and this is the expectation over it: a
    constant confidence gives the mean loss. Arguments as of `risk_coverage`; NaN for none.
    """
    loss, sure = _checked(losses, confidence)
    if not len(loss):
        return float("nan")
    return float(_area(np.ones((1, len(loss))), loss, -sure)[0])


def excess_area_under_risk_coverage(losses: ArrayLike, confidence: ArrayLike) -> float:
    """E-AURC: the AURC less that of the best order, smallest losses first.

    Geifman, Uziel and El-Yaniv, ICLR 2019, equation 2, by the order itself instead of its
    logarithm for 0-1 losses. 0 for a confidence that knows its errors; NaN for no examples.
    """
    loss, sure = _checked(losses, confidence)
    if not len(loss):
        return float("nan")
    once = np.ones((1, len(loss)))
    return float(max(_area(once, loss, -sure)[0] - _area(once, loss, loss)[0], 0))


def selective_estimates(
    losses: ArrayLike,
    confidence: ArrayLike,
    groups: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """`area_under_risk_coverage` and `excess_area_under_risk_coverage` with their intervals.

    Two draws of one example are two examples of equal confidence. Costs resamples × n
    operations.

    Args:
        losses: [n].
        confidence: [n].
        groups: [n]; examples of one group are resampled together.
        resamples, seed, level: see `bootstrap`.
    """
    loss, sure = _checked(losses, confidence)
    n = len(loss) if groups is None else len(np.unique(groups))

    if not len(loss):
        nothing = Estimate(float("nan"), float("nan"), float("nan"), 0)
        return dict.fromkeys((_AREA, _EXCESS), nothing)

    once = np.ones((1, len(loss)))
    areas = [_area(once, loss, -sure)]
    least = [_area(once, loss, loss)]
    for weights in resampled_weights(len(loss), resamples, seed, groups):
        areas.append(_area(weights, loss, -sure))
        least.append(_area(weights, loss, loss))

    def estimate(values: NDArray[np.float64]) -> Estimate:
        return Estimate(float(values[0]), *interval(values[1:], level), n)

    area, best = np.concatenate(areas), np.concatenate(least)
    return {_AREA: estimate(area), _EXCESS: estimate(np.maximum(area - best, 0))}


def _area(
    weights: NDArray[np.float64], loss: NDArray[np.float64], order: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The area of each of r weightings [r, n] (whole numbers) by rising `order`.

    Of w tied examples of mean loss m after W of total loss L, the j-th answered is expected to
    bring the mean to (L + jm) / (W + j) = m + (L − mW) / (W + j); summed over j = 1 … w that is
    mw + (L − mW) (H(W + w) − H(W)) with H the harmonic numbers.
    """
    at = np.argsort(order, kind="stable")
    start = _ties(order)[1]
    size = _grouped(weights[:, at], start)
    total = _grouped(weights[:, at] * loss[at], start)
    mean = total / np.maximum(size, 1)
    upto = np.cumsum(size, axis=1)
    before, lost = upto - size, np.cumsum(total, axis=1) - total
    most = int(upto[:, -1].max())
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, most + 1))])
    steps = harmonic[upto.astype(np.int64)] - harmonic[before.astype(np.int64)]
    area: NDArray[np.float64] = (total + (lost - mean * before) * steps).sum(axis=1) / upto[:, -1]
    return area


def _ties(
    order: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Distinct values, rising, and where each begins once sorted."""
    values, counts = np.unique(order, return_counts=True)
    return values, np.cumsum(counts) - counts


def _grouped(values: NDArray[np.float64], start: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums [r, groups] of `values` [r, n] from each start to the next."""
    if not len(start):
        return np.zeros((len(values), 0))
    return np.add.reduceat(values, start, axis=1)


def _checked(
    losses: ArrayLike, confidence: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    loss, sure = np.asarray(losses, np.float64), np.asarray(confidence, np.float64)
    if loss.ndim != 1 or loss.shape != sure.shape:
        raise ValueError(f"losses are {loss.shape} but confidences are {sure.shape}")
    if not (np.isfinite(loss).all() and np.isfinite(sure).all()):
        raise ValueError("a loss or a confidence is not finite")
    return loss, sure
