"""Can a classifier tell the current rows from the reference's? If so, they have drifted."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from framework.stats.drift.two_sample import PERMUTATIONS, samples
from framework.stats.estimate import wilson
from framework.stats.ranking import area_under_roc

LARGEST = 2000
FOLDS = 5


@dataclass(frozen=True)
class ClassifierTest:
    """How well a linear classifier tells two samples apart, on rows it was not fitted to.

    Attributes:
        accuracy: share of rows put into the right sample; one half without drift.
        interval: of the accuracy, at `level`.
        area_under_roc: mean over the folds; one half without drift.
        p_value: of permuting rows between the samples; never below 1 / (1 + permutations).
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
    permutations: int = PERMUTATIONS,
    level: float = 0.95,
    seed: int = 0,
) -> ClassifierTest:
    """Cross-fitted classifier two-sample test on samples [n, d] and [m, d].

    Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests", ICLR 2017. Equally many rows of
    each are dealt to `folds`; each fold is judged by a classifier fitted to the others, so that
    every row counts once. The classifier is Fisher's linear discriminant with a ridge, the first
    Newton step of a logistic regression: it is linear in the labels, so that all permutations
    are fitted at once. They are needed: cross-fitted mistakes depend on each other, and a
    binomial test of them that promises 5 % was measured to alarm in 8 to 13 %. The interval is
    Wilson's, widened by as much as permuted accuracies vary more than independent ones.
    It sees a shift of means, not one of spread alone: `maximum_mean_discrepancy` does.

    Args:
        reference: [n, d].
        current: [m, d].
        largest: rows of each sample beyond which a random subsample of so many stands for it.
        folds: two or more; each sample needs a row for each fold.
        permutations: within the folds, for the p-value.
        level: of the interval.
        seed: of the subsample, the folds and the permutations.

    Raises:
        ValueError: fewer rows than folds, samples of different widths, or with NaN.
    """
    rng = np.random.default_rng(seed)
    smaller = min(largest, len(np.asarray(reference)), len(np.asarray(current)))
    if folds < 2 or smaller < folds:
        raise ValueError(f"{folds} folds of {smaller} rows: needs two folds and a row for each")
    x, y = samples(reference, current, smaller, rng)
    rows = np.concatenate([x, y])
    fold = np.concatenate([rng.permutation(smaller) % folds for _ in range(2)])
    labels = np.repeat(np.repeat([[-1.0], [1.0]], smaller, axis=0), 1 + permutations, axis=1)
    for number in range(folds):
        held = fold == number
        labels[held, 1:] = rng.permuted(labels[held, 1:], axis=0)
    logits = np.zeros_like(labels)
    for number in range(folds):
        held = fold == number
        logits[held] = held_out_logits(rows[~held], labels[~held], rows[held])
    agreement = np.sign(logits) * labels
    accuracy = (1 + agreement.mean(axis=0)) / 2  # a logit of 0 is half right
    p_value = (1 + np.sum(accuracy[1:] >= accuracy[0] - 1e-12)) / (1 + permutations)
    wider = max(1.0, float(accuracy[1:].std()) / math.sqrt(0.25 / len(rows)))
    areas = [area_under_roc(logits[fold == f, 0], labels[fold == f, 0] > 0) for f in range(folds)]
    low, high = wilson(accuracy[0], len(rows), float(ndtri((1 + level) / 2)) * wider)
    return ClassifierTest(
        float(accuracy[0]),
        (float(low), float(high)),
        float(np.mean(areas)),
        float(p_value),
        smaller,
        level,
    )


def held_out_logits(
    rows: NDArray[np.float64],
    labels: NDArray[np.float64],
    held: NDArray[np.float64],
    ridge: float = 1.0,
) -> NDArray[np.float64]:
    """Discriminants [m, k] of `held` [m, d] by a ridge regression on standardised `rows` [n, d].

    Args:
        rows: [n, d].
        labels: [n, k], −1 and 1 equally often in each of k labellings.
        held: [m, d].
        ridge: added to the diagonal of the columns' scatter.
    """
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    scale = np.where(deviation > 0, deviation, np.inf)  # a constant column says nothing
    design = (rows - mean) / scale
    scatter = design.T @ design + ridge * np.eye(design.shape[1])
    return np.asarray((held - mean) / scale @ np.linalg.solve(scatter, design.T @ labels))
