"""How far a current table is from its reference, from counts alone.

Scores of groups take counts [..., groups]; p is the reference's share, q the current one's.
Where a logarithm needs it, half a count is added to each group of both tables (Jeffreys' prior),
so that an empty group gives a large number and not an infinite one. NaN where a table is empty.
"""

import numpy as np
from numpy.typing import NDArray

from framework.stats.drift.histogram import Histogram

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


def population_stability_index(reference: Counts, current: Counts) -> Array:
    """PSI = Σ (q − p) ln(q / p), with half a count added to each group.

    Symmetric: the sum of both Kullback-Leibler divergences. Yurdakul, "Statistical Properties of
    Population Stability Index", Western Michigan University 2018.
    """
    p, q = _smoothed(reference), _smoothed(current)
    return np.asarray(np.sum((q - p) * np.log(q / p), axis=-1))


def kullback_leibler(reference: Counts, current: Counts) -> Array:
    """KL(current ‖ reference) = Σ q ln(q / p) in nats, with half a count added to each group."""
    p, q = _smoothed(reference), _smoothed(current)
    return np.asarray(np.sum(q * np.log(q / p), axis=-1))


def jensen_shannon_divergence(reference: Counts, current: Counts) -> Array:
    """½ KL₂(p ‖ ½(p + q)) + ½ KL₂(q ‖ ½(p + q)) in bits, in [0, 1]; nothing is added.

    Lin, "Divergence Measures Based on the Shannon Entropy", 1991.
    """
    p, q = _shares(reference), _shares(current)
    divergence = _entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2
    return np.maximum(divergence, 0)  # rounding


def jensen_shannon_distance(reference: Counts, current: Counts) -> Array:
    """The root of the divergence in bits, a metric in [0, 1] (Endres and Schindelin, 2003)."""
    return np.sqrt(jensen_shannon_divergence(reference, current))


def chi_squared(reference: Counts, current: Counts) -> Array:
    """Pearson's Σ (observed − expected)² / expected of the 2 × groups table, nothing added.

    Groups empty in both tables count for nothing.
    """
    n, m = (counts.sum(axis=-1, keepdims=True) for counts in (reference, current))
    both = reference + current
    # Both rows of the table at once: Σ (m·r − n·c)² / (n·m·(r + c)).
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (m * 1.0 * reference - n * 1.0 * current) ** 2 / (n * 1.0 * m * both)
        terms = np.where(both > 0, terms, 0)
    return np.asarray(np.where((n > 0) & (m > 0), terms, np.nan).sum(axis=-1))


def kolmogorov_smirnov(reference: Histogram, current: Histogram) -> tuple[float, float]:
    """The largest gap between both distribution functions at the edges, and what it may lack.

    D* = max over edges of |F − G| is never above the exact D = sup |F − G|. Within a bin F and G
    lie between their values at its edges, so D is at most max(F_i − G_{i−1}, G_i − F_{i−1}) over
    the bins; the second number is that bound less D*. It is 0 where every bin holds one value.
    """
    f, g = distribution(reference), distribution(current)
    if np.isnan(f[0] + g[0]):
        return float("nan"), float("nan")
    statistic = np.max(np.abs(f - g))
    above, below = f[1:] - g[:-1], g[1:] - f[:-1]
    inside = ~reference.atoms  # a bin of one value has no inside
    bound = np.max(np.maximum(above, below)[inside], initial=statistic)
    return float(statistic), float(bound - statistic)


def wasserstein(reference: Histogram, current: Histogram) -> float:
    """Wasserstein-1 = ∫ |F − G| dx in the column's units, values uniform within a bin.

    The outer bins reach to the smallest and largest finite value seen in either table.
    """
    if not reference.counts.any() or not current.counts.any():
        return float("nan")
    x = support(reference, current)
    gaps = distribution(reference) - distribution(current)
    first, second, width = gaps[:-1], gaps[1:], np.diff(x)
    size = np.abs(first) + np.abs(second)
    crosses = first * second < 0
    with np.errstate(invalid="ignore"):
        area = np.where(crosses, (first**2 + second**2) / (2 * size), size / 2)
    return float(np.sum(area * width))


def spread(histogram: Histogram) -> float:
    """Standard deviation of a table's values, uniform within a bin; NaN without any.

    It reads up to a third high where a few values lie far out, alone in a wide bin.
    """
    if not histogram.counts.any():
        return float("nan")
    x = support(histogram, histogram)
    share = np.diff(distribution(histogram))
    single = histogram.atoms
    middle = np.where(single, x[1:], (x[1:] + x[:-1]) / 2)
    width = np.where(single, 0, np.diff(x))
    mean = np.sum(share * middle)
    return float(np.sqrt(np.sum(share * ((middle - mean) ** 2 + width**2 / 12))))


def distribution(histogram: Histogram) -> Array:
    """The distribution function before the first value, at each edge, and after the last.

    [edges + 2], of values that are not missing; NaN if there are none.
    """
    below = np.concatenate([[0], np.cumsum(histogram.counts)])
    return below / below[-1] if below[-1] else np.full(len(below), np.nan)


def support(reference: Histogram, current: Histogram) -> Array:
    """Where `distribution` holds: the lowest value, the edges, the highest value. [edges + 2]."""
    edges = reference.edges
    low = min(reference.lowest, current.lowest, *edges[:1])
    high = max(reference.highest, current.highest, *edges[-1:])
    return np.concatenate([[low], edges, [high]])


def _smoothed(counts: Counts) -> Array:
    rows = counts.sum(axis=-1, keepdims=True)
    return np.asarray((counts + 0.5) / (rows + counts.shape[-1] / 2))


def _shares(counts: Counts) -> Array:
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=-1, keepdims=True))


def _entropy(shares: Array) -> Array:
    logarithms = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.asarray(-np.sum(shares * logarithms, axis=-1))
