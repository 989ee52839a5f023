"""Calibration errors with their intervals and what they would read under calibration.

A binned error is never below zero, so noise only raises it: a perfect model reads 0.07 to
0.08 on 200 examples in 15 bins. Two things follow for every number here.

- `under_calibration` is the mean reading of a model with these confidences, this n and true
  probabilities: Monte Carlo with a fixed seed, outcomes drawn binomially cell by cell.
- Its interval is for the error itself, the one endless data would show. A resample carries the
  noise of the sample and as much again, so the percentile interval of resampled readings lies
  above the error (it covered none of 150 perfect models). With b the part that noise has in a
  reading, reading² ≈ error² + b² and resampled² ≈ error² + 2b²: their difference tells b, and
  the interval holds the percentiles of √max(0, resampled² − 2b²). The smooth error, whose
  bandwidth widens with the noise, adds up in cubes; the debiased one has already lost one b².

Measured at level 0.95 on a perfect, a mildly and a far too confident model (error 0, 0.035 and
0.14) of 200, 1,000 and 5,000 examples, 40 to 80 samples each: covered at 0.93 to 1 (equal width),
0.91 to 1 (equal mass), 0.88 to 1 (smooth), 0.95 to 1 (debiased) and 0.98 to 1 (maximum, by
the bounds of `_maximum_interval`); the percentile interval at 0 to 0.89 and the basic one
at 0.39 to 0.94 (equal width).

The low end is 0 where the model cannot be told from a calibrated one. The reading may lie
outside of its interval: then most of it is noise.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.bootstrap import RESAMPLES, interval
from framework.stats.calibration.errors import (
    Binned,
    binned,
    debiased_square,
    expected_calibration_error,
    maximum_calibration_error,
)
from framework.stats.calibration.resampling import (
    calibrated,
    cells,
    drawn_examples,
    drawn_groups,
    freed,
    join,
)
from framework.stats.calibration.smooth import smooth_errors
from framework.stats.calibration.table import (
    BINS,
    ReliabilityTable,
    bin_of,
    fine_edges,
    reliability_table,
)
from framework.stats.estimate import Estimate, check_level

Statistic = Callable[[Binned], NDArray[np.float64]]


def calibration_names() -> tuple[str, ...]:
    """The keys of `table_estimates`, in order."""
    return (
        "expected_calibration_error",
        "equal_mass_calibration_error",
        "maximum_calibration_error",
        "smooth_calibration_error",
        "debiased_calibration_error",
    )


def calibration_estimates(
    confidence: ArrayLike,
    correct: ArrayLike,
    mask: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    bins: int = BINS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """`table_estimates` of predictions of any shape, resampled by group where they have groups.

    Args:
        confidence: probability given to each prediction, e.g. [n] or [n, length].
        correct: of the same shape; 1 where it came true.
        mask: of the same shape; only predictions where it is true count.
        groups: of the same shape; predictions of one group (tokens of a row) are drawn
            together, and `n` counts groups. `under_calibration` takes outcomes as independent
            given the confidences.
        bins, resamples, seed, level: see `table_estimates`.

    Raises:
        ValueError: as `reliability_table`, or groups of another shape.
    """
    table = reliability_table(confidence, correct, fine_edges(), mask)
    if groups is None:
        return table_estimates(table, bins, resamples, seed, level)
    if np.shape(groups) != np.shape(confidence):
        raise ValueError(f"groups are {np.shape(groups)} but confidences {np.shape(confidence)}")
    keep = np.ones(np.shape(confidence), bool) if mask is None else np.asarray(mask).astype(bool)
    sure, true = np.asarray(confidence)[keep], np.asarray(correct)[keep]
    _, group = np.unique(np.asarray(groups)[keep], return_inverse=True)
    state = 2 * bin_of(sure, table.edges) + true.astype(np.int64)
    drawn = drawn_groups(state, group, 2 * len(table.counts), resamples, seed)
    # Groups in each equal-width bin: all that is independent in it if those of a group agree.
    pairs = np.unique(np.stack([bin_of(sure, np.arange(bins + 1) / bins), group]), axis=1)
    independent = np.bincount(pairs[0], minlength=bins)
    return _estimates(table, drawn, int(group.max(initial=-1)) + 1, independent, bins, seed, level)


def table_estimates(
    table: ReliabilityTable,
    bins: int = BINS,
    resamples: int = RESAMPLES,
    seed: int = 0,
    level: float = 0.95,
) -> dict[str, Estimate]:
    """Every calibration error that a table of `fine_edges` gives, by name.

    `expected_calibration_error` and `maximum_calibration_error` over equal-width bins,
    `equal_mass_calibration_error` and `debiased_calibration_error` (root mean squared) over
    equal-mass bins, `smooth_calibration_error`. The examples are resampled as multinomial counts
    of (cell, outcome), each at its mean confidence: it costs the same for any n.

    Args:
        table: of `fine_edges`, or of another multiple of `bins`; one prediction is one unit.
        bins: number of equal-width and equal-mass bins.
        resamples: of the interval, and draws under calibration.
        seed: of both.
        level: of the interval.

    Returns:
        Name → estimate; all NaN for a table without predictions, intervals NaN for one.
    """
    if resamples < 1:
        raise ValueError(f"an interval needs a resample or more, not {resamples}")
    if resamples < 1:
        raise ValueError(f"an interval needs a resample or more, not {resamples}")
    drawn = drawn_examples(table, resamples, seed)
    independent = table.coarser(bins).counts
    return _estimates(table, drawn, int(table.counts.sum()), independent, bins, seed, level)


def _estimates(
    table: ReliabilityTable,
    drawn: NDArray[np.float64],
    n: int,
    independent: NDArray[np.int64],
    bins: int,
    seed: int,
    level: float,
) -> dict[str, Estimate]:
    """All errors of a table, of resampled `states` [r, 2 cells] of it, and under calibration."""
    if not table.counts.any():
        nan = float("nan")
        return dict.fromkeys(calibration_names(), Estimate(nan, nan, nan, 0))
    check_level(level)
    samples = (
        binned(table),
        cells(table, drawn),
        calibrated(table, max(200, len(drawn)), seed),
    )
    width, mass = table.coarser(bins).edges, table.equal_mass(bins).edges

    def over(edges: NDArray[np.float64], error: Statistic) -> list[NDArray[np.float64]]:
        return [error(join(sums, table.edges, edges)) for sums in samples]

    def estimate(read: list[NDArray[np.float64]], power: int = 2) -> Estimate:
        value, resampled, null = read
        ends = interval(freed(resampled**power, value**power, power=power), level)
        return Estimate(float(value), *ends, n, float(null.mean()))

    value, resampled, null = over(mass, debiased_square)
    ends = interval(freed(resampled, value, noises=1), level)
    root, floor = (float(np.sqrt(np.maximum(x, 0)).mean()) for x in (value, null))
    largest, _, null = over(width, maximum_calibration_error)
    bounds = _maximum_interval(join(samples[0], table.edges, width), independent, level)
    at = table.mean_confidence
    estimates = (
        estimate(over(width, expected_calibration_error)),
        estimate(over(mass, expected_calibration_error)),
        Estimate(float(largest), *bounds, n, float(null.mean())),
        estimate([smooth_errors(at, sums) for sums in samples], power=3),
        Estimate(root, *ends, n, floor),
    )
    return dict(zip(calibration_names(), estimates, strict=True))


def _maximum_interval(
    sums: Binned, independent: NDArray[np.int64], level: float
) -> tuple[float, float]:
    """Bounds of max_b |ȳ_b − p̄_b| over the bins that are not empty.

    The largest of the least gaps that the bins' accuracies allow, and of the largest, with a
    share (1 − level) / bins of the risk for each bin. The accuracy a of a bin may be where
    n KL(ȳ ‖ a) ≤ log(2 / risk) (Chernoff's bound, which holds for chances that differ within
    the bin; Hoeffding, JASA 58, 1963, theorem 1). A resampled maximum says nothing of a bin
    of one prediction; this says that its gap may be nearly anything.
    """
    filled = sums.counts > 0
    rate = sums.correct[filled] / sums.counts[filled]
    sure = sums.confidence[filled] / sums.counts[filled]
    allowed = np.log(2 * filled.sum() / (1 - level)) / independent[filled]
    low, high = (_furthest(rate, end, allowed) for end in (0.0, 1.0))
    least = np.maximum(np.maximum(low - sure, sure - high), 0)
    return float(least.max()), float(np.maximum(high - sure, sure - low).max())


def _furthest(
    rate: NDArray[np.float64], end: float, allowed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The chance between `rate` and `end` whose divergence from `rate` is `allowed`."""
    inside, outside = rate, np.full(len(rate), end)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(40):
            middle = (inside + outside) / 2
            of_right = np.where(rate > 0, rate * np.log(rate / middle), 0)
            of_wrong = np.where(rate < 1, (1 - rate) * np.log((1 - rate) / (1 - middle)), 0)
            near = of_right + of_wrong <= allowed
            inside, outside = np.where(near, middle, inside), np.where(near, outside, middle)
    return outside
