"""Labels that are likely wrong: confident learning.

Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", Journal
of Artificial Intelligence Research 70 (2021). Nothing is trained here: the probabilities must come
from a model that did not see the example's label.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """What confident learning says of labels.

    Attributes:
        thresholds: float64 [classes], t_j: the mean p(j) of the examples labelled j; NaN for a
            class without examples.
        joint: float64 [classes, classes], the estimated share of examples that are labelled i
            (rows) and truly j (columns).
        suspects: int64 [found], positions of examples that are confidently of another class, the
            worst first.
        suggested: int64 [found], the class each is said to be.
        margins: float64 [found], p(label) − p(suggested): the normalised margin, below 0.
        examples: that were looked at.
    """

    thresholds: NDArray[np.float64]
    joint: NDArray[np.float64]
    suspects: NDArray[np.int64]
    suggested: NDArray[np.int64]
    margins: NDArray[np.float64]
    examples: int

    @property
    def estimated(self) -> float:
        """Estimated number of wrong labels: examples · Σ_{i≠j} Q(i, j); NaN where not defined."""
        return float(self.examples * (1 - np.trace(self.joint)))

    def json(self) -> dict[str, Any]:
        """The numbers for all; not the examples."""
        estimated = self.estimated
        return {
            "examples": self.examples,
            "suspects": len(self.suspects),
            "estimated_errors": None if np.isnan(estimated) else estimated,
            "thresholds": [None if np.isnan(t) else float(t) for t in self.thresholds],
            "joint": None if np.isnan(self.joint).any() else self.joint.tolist(),
        }


def label_errors(labels: ArrayLike, probabilities: ArrayLike) -> LabelErrors:
    """Suspect labels by the confident joint.

    With t_j the mean p(j) of the examples labelled j, an example labelled i counts in C(i, j) for
    the j of largest p(j) among those with p(j) ≥ t_j; where there is none it does not count. The
    joint is Q(i, j) = C(i, j) / Σ_j C(i, j) · n_i / n, with n_i examples labelled i (Q(i, i) is
    n_i / n where no example of i counts). An example is suspect where it counts in a C(i, j) with
    j ≠ i and p(j) > p(i); they are ranked by their normalised margin.

    Fewer than two classes with examples say nothing: the joint is NaN and there are no suspects.

    Args:
        labels: integers [n], the given classes.
        probabilities: [n, classes], out of sample.

    Raises:
        ValueError: shapes that do not fit, labels that are no class, numbers that are not finite.
    """
    given = np.asarray(labels)
    p = np.asarray(probabilities, np.float64)
    if p.ndim != 2 or given.shape != p.shape[:1]:
        raise ValueError(f"labels {given.shape} and probabilities {p.shape} do not fit")
    if not np.isfinite(p).all():
        raise ValueError("the probabilities have numbers that are not finite")
    classes = p.shape[1]
    if given.dtype.kind not in "iu" or (
        len(given) and not 0 <= given.min() <= given.max() < classes
    ):
        raise ValueError(f"the labels are not integers from 0 to {classes - 1}")
    counts = np.bincount(given, minlength=classes)
    own = p[np.arange(len(given)), given]
    sums = np.bincount(given, own, classes)
    thresholds = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    if (counts > 0).sum() < 2:
        nothing = np.zeros(0, np.int64)
        unknown = np.full((classes, classes), np.nan)
        return LabelErrors(thresholds, unknown, nothing, nothing, np.zeros(0), len(given))
    # A hair below, since a mean of equal numbers may be rounded above them.
    confident = p >= np.where(counts > 0, thresholds - 1e-9, np.inf)
    best = np.where(confident, p, -1.0).argmax(axis=1)
    sure = confident.any(axis=1)
    joint = np.zeros((classes, classes))
    np.add.at(joint, (given[sure], best[sure]), 1.0)
    joint[np.diag_indices(classes)] += joint.sum(axis=1) == 0
    joint *= (counts / len(given) / joint.sum(axis=1))[:, None]
    margins = own - p[np.arange(len(given)), best]
    suspects = np.flatnonzero(sure & (best != given) & (margins < 0))
    suspects = suspects[np.argsort(margins[suspects], kind="stable")]
    return LabelErrors(thresholds, joint, suspects, best[suspects], margins[suspects], len(given))
