"""What the scores would be if nothing had drifted: thresholds that follow the sample size."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, kolmogorov

from framework.stats.drift import scores
from framework.stats.drift.groups import EXPECTED, Counts
from framework.stats.drift.histogram import Histogram

RESAMPLES = 9999
_GRID = 256
_BRIDGES = 999


@dataclass(frozen=True)
class Score:
    """A value and how often one as large would come about without drift."""

    value: float
    p_value: float


@dataclass(frozen=True)
class GroupScores:
    """Scores over groups, with what is expected of PSI without drift.

    Attributes:
        psi_expected: mean of PSI without drift.
        psi_deviation: standard deviation of PSI without drift.
        exact: the p-values are of a permutation of rows, and not of a formula.
    """

    population_stability_index: Score
    kullback_leibler: Score
    jensen_shannon_divergence: Score
    jensen_shannon_distance: Score
    chi_squared: Score
    psi_expected: float
    psi_deviation: float
    exact: bool


def group_scores(
    reference: Counts, current: Counts, resamples: int = RESAMPLES, seed: int = 0
) -> GroupScores:
    """PSI, KL, Jensen-Shannon and chi-squared of two tables [groups], with p-values.

    Without drift, all of them are to first order multiples of one chi-squared variable with
    groups − 1 degrees of freedom: PSI = (1/n + 1/m) χ², with mean (groups − 1)(1/n + 1/m) and
    variance 2 (groups − 1)(1/n + 1/m)² (Yurdakul 2018); KL half of PSI, Jensen-Shannon in bits
    PSI / (8 ln 2). Where a cell is expected to hold fewer than five rows that fails, and rows are
    permuted between the tables instead (counts from a multivariate hypergeometric distribution):
    then a p-value is (1 + as large) / (1 + resamples), never below that.
    """
    tables = np.stack([reference, current])
    n, m = tables.sum(axis=1).tolist()
    groups, rate = len(reference), 1 / n + 1 / m
    values = _values(reference, current)
    smallest = (tables.sum(axis=0) * min(n, m) / (n + m)).min()
    exact = groups > 1 and bool(smallest < EXPECTED)
    if groups == 1:
        p_values, mean, deviation = dict.fromkeys(values, 1.0), 0.0, 0.0
    elif exact:
        draws = np.random.default_rng(seed).multivariate_hypergeometric(
            tables.sum(axis=0), m, size=resamples, method="marginals"
        )
        null = _values(tables.sum(axis=0) - draws, draws)
        p_values = {k: _share_as_large(null[k], value) for k, value in values.items()}
        mean, deviation = float(null["psi"].mean()), float(null["psi"].std())
    else:
        scale = {"psi": rate, "kl": rate / 2, "js": rate / (8 * np.log(2)), "chi": 1.0}
        p_values = {k: float(chdtrc(groups - 1, values[k] / scale[k])) for k in values}
        mean, deviation = (groups - 1) * rate, float(np.sqrt(2 * (groups - 1))) * rate
    of = {k: Score(float(values[k]), p_values[k]) for k in values}
    distance = Score(float(np.sqrt(values["js"])), p_values["js"])
    return GroupScores(of["psi"], of["kl"], of["js"], distance, of["chi"], mean, deviation, exact)


def kolmogorov_smirnov_score(reference: Histogram, current: Histogram) -> Score:
    """The statistic from counts, with its asymptotic p-value for n and m values that are there.

    P(D ≥ d) = 2 Σ (−1)^{k−1} exp(−2 k² λ²), λ = d √(nm / (n + m)). Ties and bins only lower the
    statistic, so on discrete columns the alarm comes more rarely than promised, never more often.
    """
    statistic, _ = scores.kolmogorov_smirnov(reference, current)
    n, m = reference.counts.sum(), current.counts.sum()
    if not n or not m:
        return Score(statistic, float("nan"))
    return Score(statistic, float(kolmogorov(statistic * np.sqrt(n / (n + m) * m))))


def wasserstein_score(reference: Histogram, current: Histogram, seed: int = 0) -> Score:
    """Wasserstein-1 with a p-value of a parametric bootstrap from the pooled counts.

    No formula holds for every column: without drift F − G is √(1/n + 1/m) times a Brownian bridge
    at the pooled distribution function (Donsker), of which 999 are drawn once and integrated over
    the column's edges (del Barrio, Giné and Matrán, 1999). Wants a hundred rows or more.
    """
    value = scores.wasserstein(reference, current)
    n, m = reference.counts.sum(), current.counts.sum()
    if not n or not m or not np.isfinite(value):
        return Score(value, float("nan"))
    x = scores.support(reference, current)
    pooled = scores.distribution(reference + current)
    width = np.diff(x, prepend=x[0])
    reach = (width + np.diff(x, append=x[-1])) / 2
    place = np.clip(np.rint(pooled * _GRID).astype(np.int64), 1, _GRID - 1)
    # A bridge at the nearest point of the grid, brought to the deviation it has at this one.
    ratio = np.sqrt(pooled * (1 - pooled) / (place / _GRID * (1 - place / _GRID)))
    weight = np.bincount(place, reach * ratio * np.sqrt(1 / n + 1 / m), _GRID + 1)
    # float32 holds the bridges, whatever the column's units.
    unit = weight.sum() or 1.0
    null = unit * ((weight / unit).astype(np.float32) @ _bridges(seed))
    return Score(value, _share_as_large(null, value))


def _values(reference: Counts, current: Counts) -> dict[str, NDArray[np.float64]]:
    return {
        "psi": scores.population_stability_index(reference, current),
        "kl": scores.kullback_leibler(reference, current),
        "js": scores.jensen_shannon_divergence(reference, current),
        "chi": scores.chi_squared(reference, current),
    }


def _share_as_large(null: NDArray[np.floating], value: float | NDArray[np.float64]) -> float:
    # A resample equal to what was seen counts, whatever the rounding.
    return float((1 + np.sum(null >= value * (1 - 1e-9))) / (1 + len(null)))


@lru_cache(maxsize=4)
def _bridges(seed: int) -> NDArray[np.float32]:
    """|Brownian bridge| at 0, 1/256, …, 1. [257, 999]."""
    steps = np.random.default_rng(seed).normal(0, _GRID**-0.5, (_GRID, _BRIDGES))
    walk = np.concatenate([np.zeros((1, _BRIDGES)), np.cumsum(steps, axis=0)])
    time = np.arange(_GRID + 1)[:, None] / _GRID
    return np.asarray(np.abs(walk - time * walk[-1]), np.float32)
