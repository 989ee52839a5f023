"""Drift of what a model says, and of the labels where they are known."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from framework.stats.checks import matrix
from framework.stats.drift.categories import Categories
from framework.stats.drift.groups import grouped
from framework.stats.drift.histogram import BINS
from framework.stats.drift.profile import Profile
from framework.stats.drift.significance import RESAMPLES, group_scores


def prediction_profile(
    probabilities: ArrayLike, labels: ArrayLike | None = None, bins: int = BINS
) -> Profile:
    """A reference of a classifier's `confidence` and `predicted` class, and of its `label`.

    Later rows are counted by `profile.count(prediction_columns(probabilities, labels))`.

    Args:
        probabilities: [n, classes].
        labels: int [n], where they are known.
        bins: of the confidence.
    """
    columns = prediction_columns(probabilities, labels)
    classes = np.arange(np.shape(probabilities)[1])
    known = {name: classes for name in columns if name != "confidence"}
    return Profile.of(columns, bins, known)


def prediction_columns(
    probabilities: ArrayLike, labels: ArrayLike | None = None
) -> dict[str, ArrayLike]:
    """The columns of such a profile: the largest probability, its class and the label, [n] each."""
    rows = matrix(probabilities, "probabilities")
    columns: dict[str, ArrayLike] = {
        "confidence": rows.max(axis=1),
        "predicted": rows.argmax(axis=1),
    }
    return columns if labels is None else {**columns, "label": np.asarray(labels)}


@dataclass(frozen=True)
class ClassShift:
    """Drift of labels or predicted classes, and which classes it is in.

    Attributes:
        chi_squared: Pearson's statistic over the groups of `grouped`.
        p_value: by formula, or by permutation where few are expected.
        classes: the known classes.
        reference: share of each class in the reference.
        current: share of each class now.
        residuals: standardised (adjusted) residuals of the current counts; beyond ±2 or 3 a class
            is more or less frequent than chance has it. NaN for a class never seen.
        unknown: rows now whose class the reference does not know.
    """

    chi_squared: float
    p_value: float
    classes: tuple[Any, ...]
    reference: tuple[float, ...]
    current: tuple[float, ...]
    residuals: tuple[float, ...]
    unknown: int

    def json(self) -> dict[str, Any]:
        """Plain data; None where a number is not defined."""
        plain = {
            key: [None if isinstance(v, float) and math.isnan(v) else v for v in value]
            if isinstance(value, tuple)
            else value
            for key, value in asdict(self).items()
        }
        return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in plain.items()}


def class_shift(
    reference: Categories, current: Categories, resamples: int = RESAMPLES, seed: int = 0
) -> ClassShift:
    """Chi-squared test of label or prediction drift with standardised residuals.

    r = (c − m·p) / √(m·p (1 − p)(1 − m / (n + m))) with p the class's share of both tables, n and
    m their rows: standard normal without drift (Haberman 1973; Agresti, "Categorical Data
    Analysis", 3.3.1). NaN for an empty table.

    Raises:
        ValueError: tables of different known values.
    """
    counts = grouped(reference, current)
    n, m = reference.total - reference.missing, current.total - current.missing
    if n and m:
        tested = group_scores(*counts, resamples, seed).chi_squared
        statistic, p_value = tested.value, tested.p_value
    else:
        statistic = p_value = math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (reference.counts + current.counts) / np.float64(n + m)
        deviation = np.sqrt(m * share * (1 - share) * (n / np.float64(n + m)))
        residuals = np.where(deviation > 0, (current.counts - m * share) / deviation, np.nan)
        shares = reference.counts / np.float64(n), current.counts / np.float64(m)
    return ClassShift(
        statistic,
        p_value,
        tuple(reference.known.tolist()),
        tuple(shares[0].tolist()),
        tuple(shares[1].tolist()),
        tuple(residuals.tolist()),
        current.other,
    )
