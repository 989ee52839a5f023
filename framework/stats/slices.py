"""How a model does on parts of the data: each with its n, its interval, and against the rest.

The worst of many small slices looks bad by chance. So intervals are simultaneous over all slices
that were looked at, and a slice is called worse only if its difference from all other examples
survives Holm's correction (Holm, Scandinavian Journal of Statistics 6, 1979).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.bootstrap import mean_estimate
from framework.stats.estimate import Estimate, check_level, proportion

ENOUGH = 30
"""Examples below which nothing is said of a slice."""

Standing = Literal["worse", "better", "no difference shown", "not enough data"]


@dataclass(frozen=True)
class Slicing:
    """A column that divides the examples.

    Attributes:
        name: of the column.
        codes: int [n], the slice of each example; below 0 in none.
        names: of the slices, by code.
    """

    name: str
    codes: NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Slice:
    """One slice.

    Attributes:
        name: `column=value`.
        n: examples in it.
        metrics: by name, each with an interval that holds for all slices together.
        standing: against all other examples, after the correction.
        p_value: that it differs from them by chance, corrected for all slices; NaN where there
            is not enough data.
    """

    name: str
    n: int
    metrics: Mapping[str, Estimate]
    standing: Standing
    p_value: float

    def json(self) -> dict[str, Any]:
        """Plain data; None where a number is not defined."""
        return {
            "name": self.name, "n": self.n, "standing": self.standing,
            "p_value": None if math.isnan(self.p_value) else self.p_value,
            "metrics": {name: estimate.json() for name, estimate in self.metrics.items()},
        }  # fmt: skip


def slice_results(
    slicings: Sequence[Slicing],
    losses: ArrayLike,
    correct: ArrayLike | None = None,
    confidence: ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = 1000,
) -> list[Slice]:
    """Every slice of every slicing, those that are worse first, then by their mean loss.

    Metrics are `loss`, and where they are given `accuracy` and `overconfidence` (mean confidence
    minus accuracy). A slice differs from the rest by Fisher's exact test on `correct`, or without
    it by Welch's t-test on `losses`.

    Args:
        slicings: each of n examples.
        losses: [n], of each example.
        correct: [n], 0 or 1.
        confidence: [n] in [0, 1].
        level: of all intervals together (Bonferroni).

    Raises:
        ValueError: lengths that differ, or a level outside (0, 1).
    """
    check_level(level)
    loss = np.asarray(losses, np.float64)
    right = None if correct is None else np.asarray(correct, np.float64)
    sure = None if confidence is None else np.asarray(confidence, np.float64)
    masks = dict(_masks(slicings, len(loss)))
    each = 1 - (1 - level) / max(len(masks), 1)
    p_values, directions = {}, {}
    for name, inside in masks.items():
        p_values[name], directions[name] = _against_rest(inside, loss, right)
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    found = [
        Slice(
            name,
            int(inside.sum()),
            _metrics(inside, loss, right, sure, each, resamples),
            _standing(corrected[name], directions[name], 1 - level),
            corrected[name],
        )
        for name, inside in masks.items()
    ]
    order = {"worse": 0, "no difference shown": 1, "better": 2, "not enough data": 3}
    return sorted(found, key=lambda s: (order[s.standing], -_value(s.metrics["loss"]), s.name))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's corrected p-values: max over j ≤ i of (m − j + 1) p₍ⱼ₎, at most 1; NaN stays and
    does not count.
    """
    p = np.asarray(p_values, np.float64)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[order] * (len(order) - np.arange(len(order)))
    out = np.full(len(p), np.nan)
    out[order] = np.minimum(np.maximum.accumulate(scaled), 1) if len(order) else scaled
    return [float(value) for value in out]


def _masks(slicings: Sequence[Slicing], n: int) -> list[tuple[str, NDArray[np.bool_]]]:
    found = []
    for slicing in slicings:
        if len(slicing.codes) != n:
            raise ValueError(f"{slicing.name} has {len(slicing.codes)} codes for {n} examples")
        found += [
            (f"{slicing.name}={name}", slicing.codes == code)
            for code, name in enumerate(slicing.names)
            if (slicing.codes == code).any()
        ]
    return found


def _against_rest(
    inside: NDArray[np.bool_], loss: NDArray[np.float64], right: NDArray[np.float64] | None
) -> tuple[float, float]:
    """The p-value that the slice is as the rest, and by how much it is worse."""
    from scipy.stats import fisher_exact, ttest_ind  # half a second, which few runs need

    if inside.sum() < ENOUGH or (~inside).sum() < ENOUGH:
        return math.nan, 0.0
    if right is None:
        worse = float(loss[inside].mean() - loss[~inside].mean())
        if loss[inside].std() == 0 and loss[~inside].std() == 0:
            return (1.0 if worse == 0 else 0.0), worse
        return float(ttest_ind(loss[inside], loss[~inside], equal_var=False).pvalue), worse
    table = [[int(right[part].sum()), int((1 - right[part]).sum())] for part in (inside, ~inside)]
    worse = float(right[~inside].mean() - right[inside].mean())
    return float(fisher_exact(table).pvalue), worse


def _metrics(
    inside: NDArray[np.bool_],
    loss: NDArray[np.float64],
    right: NDArray[np.float64] | None,
    sure: NDArray[np.float64] | None,
    level: float,
    resamples: int,
) -> dict[str, Estimate]:
    metrics = {"loss": mean_estimate(loss[inside], level=level, resamples=resamples)}
    if right is not None:
        metrics["accuracy"] = proportion(float(right[inside].sum()), int(inside.sum()), level)
        if sure is not None:
            gap = sure[inside] - right[inside]
            metrics["overconfidence"] = mean_estimate(gap, level=level, resamples=resamples)
    return metrics


def _standing(p_value: float, worse: float, rate: float) -> Standing:
    if math.isnan(p_value):
        return "not enough data"
    if p_value > rate:
        return "no difference shown"
    return "worse" if worse > 0 else "better"


def _value(estimate: Estimate) -> float:
    return -math.inf if math.isnan(estimate.value) else estimate.value
