"""Intervals by resampling examples, or groups of examples that depend on each other."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.estimate import Estimate, check_level

RESAMPLES = 1000
_CELLS = 2**21  # weights held at a time: 16 MB
_UNITS = 20_000  # a mean of more units than this resamples sums of several of them


def bootstrap(
    statistic: Callable[..., NDArray[np.float64]],
    arrays: Sequence[ArrayLike],
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
    groups: ArrayLike | None = None,
) -> tuple[float, float]:
    """Percentile interval of a statistic (Efron and Tibshirani, 1993, chapter 13).

    Percentile, not BCa: on means whose truth is known (log loss of a skewed classifier,
    accuracies of 0.95 and 0.8; 400 samples each) the two covered at 0.928 to 0.935 and 0.928
    to 0.958 for n = 50, and were within 1.2 points of each other from n = 200 on, at level 0.95.
    A statistic that noise can only raise (a calibration error) needs the correction of
    `calibration_estimates`.

    Args:
        statistic: `statistic(weights, *arrays) -> [r]`, with weights float64 [r, n]: how many
            times each example was drawn in each of r resamples. All ones is the sample itself.
        arrays: each [n, …].
        resamples: number of them.
        seed: of the draws; equal seeds give equal intervals.
        level: of the interval.
        groups: [n], the group of each example, e.g. the row of each token; groups are drawn
            whole. None: each example is its own.

    Returns:
        Lower and upper end; NaN for fewer than two groups or a statistic that is not defined
        on a resample.

    Raises:
        ValueError: arrays of different lengths, a level outside (0, 1), no resamples.
    """
    given = [np.asarray(array) for array in arrays]
    n = _length(given)
    values = [
        statistic(weights, *given) for weights in resampled_weights(n, resamples, seed, groups)
    ]
    return interval(np.concatenate(values) if values else np.empty(0), level)


def resampled_weights(
    n: int, resamples: int = RESAMPLES, seed: int = 0, groups: ArrayLike | None = None
) -> Iterator[NDArray[np.float64]]:
    """Chunks [r, n] of multinomial weights, `resamples` rows in all; none for under two groups.

    Raises:
        ValueError: no resamples, or groups that are not [n].
    """
    if resamples < 1:
        raise ValueError(f"an interval needs a resample or more, not {resamples}")
    inverse = None
    units = n
    if groups is not None:
        if np.shape(groups) != (n,):
            raise ValueError(f"groups are {np.shape(groups)} for {n} examples")
        found, inverse = np.unique(np.asarray(groups), return_inverse=True)
        units = len(found)
    if units < 2:
        return
    rng = np.random.default_rng(seed)
    rows = max(1, _CELLS // n)
    for start in range(0, resamples, rows):
        r = min(rows, resamples - start)
        drawn = rng.integers(units, size=(r, units)) + units * np.arange(r)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=r * units).reshape(r, units)
        weights = counts.astype(np.float64)
        yield weights if inverse is None else weights[:, inverse]


def interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """The central `level` of resampled values; NaN where there are none or one is NaN."""
    check_level(level)
    if not values.size or np.isnan(values).any():
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def mean_estimate(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    under_calibration: float = float("nan"),
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> Estimate:
    """Mean of `values` [n] with its bootstrap interval; see `bootstrap`.

    More than 20,000 units are summed in 20,000 random parts that are drawn instead: the mean
    spreads the same, and a million rows cost what 20,000 do.
    """
    x = np.asarray(values, np.float64)
    if x.ndim != 1:
        raise ValueError(f"values must be one a row, not of shape {x.shape}")
    if groups is not None and np.shape(groups) != x.shape:
        raise ValueError(f"groups are {np.shape(groups)} for {len(x)} examples")
    unit = np.arange(len(x)) if groups is None else np.unique(groups, return_inverse=True)[1]
    units = int(unit.max(initial=-1)) + 1
    if units > _UNITS:
        unit = (np.random.default_rng(seed).permutation(units) % _UNITS)[unit]
    sums = np.bincount(unit, x).astype(np.float64)
    counts = np.bincount(unit).astype(np.float64)
    low, high = bootstrap(_ratio, (sums, counts), resamples, seed, level)
    mean = float(x.mean()) if len(x) else float("nan")
    return Estimate(mean, low, high, units, under_calibration)


def _ratio(
    weights: NDArray[np.float64], sums: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    ratio: NDArray[np.float64] = (weights @ sums) / (weights @ counts)
    return ratio


def _length(arrays: Sequence[NDArray[np.generic]]) -> int:
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1:
        raise ValueError(f"arrays to resample must have one length, not {sorted(lengths)}")
    return lengths.pop()
