"""Can a classifier tell the current rows from the reference's? If so, they have drifted."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import bdtrc, ndtri

from framework.stats.drift.two_sample import samples
from framework.stats.ranking import area_under_roc

LARGEST = 2000
FOLDS = 5


@dataclass(frozen=True)
class ClassifierTest:
    """How well a logistic regression tells two samples apart, on rows it was not fitted to.

    Attributes:
        accuracy: share of rows put into the right sample; one half without drift.
        interval: of the accuracy, at `level` (Wilson).
        area_under_roc: mean over the folds; one half without drift.
        p_value: P(right ≥ seen) for a fair coin, the binomial test of the accuracy.
        rows: used of each sample, equally many.
    """

    accuracy: float
    interval: tuple[float, float]
    area_under_roc: float
    p_value: float
    rows: int
    level: float = 0.95

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return {**asdict(self), "interval": list(self.interval)}


def classifier_two_sample_test(
    reference: ArrayLike,
    current: ArrayLike,
    largest: int = LARGEST,
    folds: int = FOLDS,
    level: float = 0.95,
    seed: int = 0,
) -> ClassifierTest:
    """Cross-fitted classifier two-sample test on samples [n, d] and [m, d].

    Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017. Equally many rows of
    each are dealt to `folds`; each fold is judged by a regularised logistic regression on the
    standardised columns of the others, so that every row counts once. It sees a shift of means,
    not one of spread alone: `maximum_mean_discrepancy` does.

    Args:
        reference: [n, d].
        current: [m, d].
        largest: rows of each sample beyond which a random subsample of so many stands for it.
        folds: two or more; each sample needs a row for each fold.
        level: of the interval.
        seed: of the subsample and of the folds.

    Raises:
        ValueError: fewer rows than folds, samples of different widths, or with NaN.
    """
    rng = np.random.default_rng(seed)
    smaller = min(largest, len(np.asarray(reference)), len(np.asarray(current)))
    if folds < 2 or smaller < folds:
        raise ValueError(f"{folds} folds of {smaller} rows: needs two folds and a row for each")
    x, y = samples(reference, current, smaller, rng)
    rows, labels = np.concatenate([x, y]), np.repeat([0.0, 1.0], smaller)
    fold = np.concatenate([rng.permutation(smaller) % folds for _ in range(2)])
    logits, areas = np.zeros(len(rows)), []
    for number in range(folds):
        held = fold == number
        logits[held] = _held_out_logits(rows[~held], labels[~held], rows[held])
        areas.append(area_under_roc(logits[held], labels[held]))
    ties = logits == 0
    right = int(np.sum((logits > 0) == (labels > 0), where=~ties)) + int(ties.sum()) // 2
    p_value = float(bdtrc(right - 1, len(rows), 0.5)) if right else 1.0
    low, high = wilson_interval(right, len(rows), level)
    return ClassifierTest(
        right / len(rows), (low, high), float(np.mean(areas)), p_value, smaller, level
    )


def wilson_interval(right: float, rows: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval of a share (1927): it stays within [0, 1]. NaN without rows."""
    if not rows:
        return math.nan, math.nan
    z = float(ndtri((1 + level) / 2))
    share = right / rows
    middle = (share + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * math.sqrt(share * (1 - share) / rows + (z / (2 * rows)) ** 2)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _held_out_logits(
    rows: NDArray[np.float64],
    labels: NDArray[np.float64],
    held: NDArray[np.float64],
    ridge: float = 1.0,
    steps: int = 25,
) -> NDArray[np.float64]:
    """Logits of `held` by a ridge logistic regression of `labels` on `rows`, by Newton's method."""
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(deviation > 0, deviation, np.inf)  # a constant column says nothing
    design = np.c_[(rows - mean) / scale, np.ones(len(rows))]
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 1e-9
    weights = np.zeros(design.shape[1])
    for _ in range(steps):
        probability = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        gradient = design.T @ (labels - probability) - penalty * weights
        curvature = (design.T * (probability * (1 - probability))) @ design
        move = np.linalg.solve(curvature + np.diag(penalty), gradient)
        weights += move
        if np.abs(move).max() < 1e-8:
            break
    return np.asarray(np.c_[(held - mean) / scale, np.ones(len(held))] @ weights)
