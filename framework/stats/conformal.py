"""Sets of classes that hold the true one as often as promised."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.bootstrap import RESAMPLES, mean_estimate
from framework.stats.checks import hard_and_soft, matrix
from framework.stats.estimate import Estimate, proportion

Method = Literal["least_ambiguous", "adaptive"]


@dataclass(frozen=True)
class ConformalSets:
    """Split-conformal prediction sets; Vovk, Gammerman and Shafer, 2005.

    A class is in the set of a row where its score is at most `threshold`, the
    ⌈(n + 1)(1 − alpha)⌉-th smallest score of the n true classes it was fitted on. If those and
    the rows to come are exchangeable, the set holds the true class with chance 1 − alpha at
    least, and (where scores do not tie) 1 − alpha + 1/(n + 1) at most, whatever the model.

    Scores: `least_ambiguous` (LAC) 1 − p_k: the smallest sets, and none at all for a row whose
    classes are all stranger than promised (Sadinle, Lei and Wasserman, JASA 114, 2019).
    `adaptive` (APS) the summed probability of all classes more probable than this one: larger
    sets where the model is unsure, and never an empty one. It is the score of Romano, Sesia and
    Candès, NeurIPS 2020, at u = 0, so that a row has one set; where the likeliest class alone is
    right oftener than promised, these sets are too.

    Attributes:
        method: of the scores.
        alpha: chance to miss that is promised.
        threshold: largest score in a set; infinite (all classes) where n < 1/alpha − 1, too few
            to promise anything.
        n: examples it was fitted on.
    """

    method: Method
    alpha: float
    threshold: float
    n: int

    @classmethod
    def fit(
        cls,
        probabilities: ArrayLike,
        labels: ArrayLike,
        alpha: float = 0.1,
        method: Method = "least_ambiguous",
    ) -> "ConformalSets":
        """The threshold from a split that nothing was trained or recalibrated on.

        Args:
            probabilities: [n, classes].
            labels: int [n].
            alpha: chance to miss, between 0 and 1.
            method: of the scores.

        Raises:
            ValueError: an alpha outside (0, 1), an unknown method, or as `classification_metrics`.
        """
        if not 0 < alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, not {alpha}")
        p = matrix(probabilities, "probabilities")
        hard, _ = hard_and_soft(labels, *p.shape)
        scores = np.sort(_score(method)(p)[np.arange(len(p)), hard])
        # (9 + 1)(1 − 0.1) is 9, though as floats it may come out a little above.
        rank = math.ceil(round((len(p) + 1) * (1 - alpha), 9))
        threshold = float(scores[rank - 1]) if rank <= len(p) else math.inf
        return cls(method, alpha, threshold, len(p))

    def sets(self, probabilities: ArrayLike) -> NDArray[np.bool_]:
        """Which classes are in the set of each row, bool [n, classes]."""
        p = matrix(probabilities, "probabilities")
        within: NDArray[np.bool_] = _score(self.method)(p) <= self.threshold
        return within

    def json(self) -> dict[str, str | float | None]:
        """The fields as `json.dump` takes them; None for an infinite threshold."""
        finite = None if math.isinf(self.threshold) else self.threshold
        return {**asdict(self), "threshold": finite}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "ConformalSets":
        """What `json` gave."""
        infinite = fields["threshold"] is None
        return cls(**{**fields, "threshold": math.inf if infinite else fields["threshold"]})


def conformal_estimates(
    sets: NDArray[np.bool_],
    labels: ArrayLike,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """`coverage` (Wilson's interval), `mean_set_size` (bootstrap) and `empty_sets`, a share.

    Coverage is that of these sets: with n fitted on it differs from split to split by about
    √(alpha (1 − alpha) / n) whatever the interval says.

    Args:
        sets: bool [n, classes], of examples that the threshold was not fitted on.
        labels: int [n].
        resamples, seed, level: see `bootstrap`.
    """
    if not len(sets):
        nothing = Estimate(math.nan, math.nan, math.nan, 0)
        return dict.fromkeys(("coverage", "mean_set_size", "empty_sets"), nothing)
    hard, _ = hard_and_soft(labels, *sets.shape)
    held, size = sets[np.arange(len(sets)), hard], sets.sum(axis=1)
    return {
        "coverage": proportion(int(held.sum()), len(sets), level),
        "mean_set_size": mean_estimate(size, resamples=resamples, seed=seed, level=level),
        "empty_sets": proportion(int((size == 0).sum()), len(sets), level),
    }


def _score(method: str) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    scores = {"least_ambiguous": _least_ambiguous, "adaptive": _adaptive}
    if method not in scores:
        raise ValueError(f"{method!r} is no conformal method; there are {get_args(Method)}")
    return scores[method]


def _least_ambiguous(p: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - p


def _adaptive(p: NDArray[np.float64]) -> NDArray[np.float64]:
    order = np.argsort(-p, axis=1, kind="stable")
    sorted_p = np.take_along_axis(p, order, axis=1)
    above = np.cumsum(sorted_p, axis=1) - sorted_p
    # Equal classes have equal scores: that of the first of them.
    first = np.diff(sorted_p, axis=1, prepend=np.inf) != 0
    above = np.maximum.accumulate(np.where(first, above, 0), axis=1)
    scores = np.empty_like(p)
    np.put_along_axis(scores, order, above, axis=1)
    return scores
