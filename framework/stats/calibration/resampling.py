"""Tables that might have been: resampled from one, or of a calibrated model in its place."""

import numpy as np
from numpy.typing import NDArray

from framework.stats.bootstrap import resampled_weights
from framework.stats.calibration.errors import Binned
from framework.stats.calibration.table import UNIT, ReliabilityTable


def states(table: ReliabilityTable) -> NDArray[np.int64]:
    """Counts [2 cells]: wrong and right predictions of each cell in turn."""
    return np.stack([table.counts - table.correct, table.correct], axis=1).ravel()


def drawn_examples(table: ReliabilityTable, resamples: int, seed: int) -> NDArray[np.float64]:
    """`states` of samples whose predictions were drawn one by one, [resamples, 2 cells].

    Multinomial: exactly the bootstrap of the predictions. No rows for fewer than two of them.
    """
    own, n = states(table), int(table.counts.sum())
    if n < 2:
        return np.zeros((0, len(own)))
    filled = np.flatnonzero(own)
    drawn = np.zeros((resamples, len(own)))
    drawn[:, filled] = np.random.default_rng(seed).multinomial(n, own[filled] / n, resamples)
    return drawn


def drawn_groups(
    state: NDArray[np.int64], group: NDArray[np.generic], states: int, resamples: int, seed: int
) -> NDArray[np.float64]:
    """`states` [resamples, states] of samples whose groups were drawn whole."""
    found, inverse = np.unique(group, return_inverse=True)
    order = np.argsort(state, kind="stable")
    filled, starts = np.unique(state[order], return_index=True)
    owner = inverse[order]
    drawn = []
    for weights in resampled_weights(len(found), resamples, seed):
        out = np.zeros((len(weights), states))
        for row, weight in zip(out, weights, strict=True):
            row[filled] = np.add.reduceat(weight[owner], starts)
        drawn.append(out)
    return np.concatenate(drawn) if drawn else np.zeros((0, states))


def cells(table: ReliabilityTable, drawn: NDArray[np.float64]) -> Binned:
    """Sums over the table's cells of counts [r, 2 cells] of wrong and right predictions."""
    wrong, right = drawn[:, 0::2], drawn[:, 1::2]
    sure_right = table.correct_units * UNIT
    mean_right = sure_right / np.maximum(table.correct, 1)
    mean_wrong = (table.confidence - sure_right) / np.maximum(table.counts - table.correct, 1)
    return Binned(wrong + right, wrong * mean_wrong + right * mean_right, right)


def calibrated(table: ReliabilityTable, draws: int, seed: int) -> Binned:
    """`draws` samples with the table's confidences whose outcomes follow them.

    Binomial in each cell at its mean confidence, for a Poisson-binomial that spreads less by
    the variance of confidence within the cell, below 1e-7 a prediction.
    """
    rng = np.random.default_rng([seed, 1])
    filled = table.counts > 0
    true = np.zeros((draws, len(filled)))
    p = np.clip(table.mean_confidence[filled], 0, 1)
    true[:, filled] = rng.binomial(table.counts[filled], p, size=(draws, int(filled.sum())))
    counts = table.counts.astype(np.float64)
    return Binned(
        np.broadcast_to(counts, true.shape), np.broadcast_to(table.confidence, true.shape), true
    )


def join(sums: Binned, fine: NDArray[np.float64], edges: NDArray[np.float64]) -> Binned:
    """Sums over `fine` bins as sums over the bins of `edges`, all of them among `fine`."""
    starts = np.searchsorted(fine, edges)[:-1]
    return Binned(*(np.add.reduceat(part, starts, axis=-1) for part in sums))


def freed(
    resampled: NDArray[np.float64],
    reading: NDArray[np.float64] | float,
    noises: int = 2,
    power: int = 2,
) -> NDArray[np.float64]:
    """Resampled errors without their noise; see `framework.stats.calibration.estimates`.

    Args:
        resampled: readings of the resamples [r], raised to `power`.
        reading: of the sample, raised to `power`.
        noises: how many times the noise of one sampling is in a resampled reading.
        power: in which error and noise add up.
    """
    if not len(resampled):
        return resampled
    noise = np.maximum(resampled.mean() - reading, 0)
    errors: NDArray[np.float64] = np.maximum(resampled - noises * noise, 0) ** (1 / power)
    return errors
