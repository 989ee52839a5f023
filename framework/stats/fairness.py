"""Gaps between groups: does the model say yes, and err, alike for all of them?

The gap is the largest difference between two groups. Noise alone makes one, so each stands with
what would be read if the groups did not differ, and how often chance gives as much.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from framework.stats.estimate import check_level, wilson

ENOUGH = 30
"""Examples below which a group's share is not compared."""


@dataclass(frozen=True)
class Gap:
    """The largest difference between two groups.

    Attributes:
        value: as read; NaN where fewer than two groups have enough examples.
        low, high: an interval for the true one, over all pairs at once.
        without_difference: its mean reading if no group differed from another.
        p_value: that chance gives this or more.
        groups: how many were compared.
        between: the two that differ most, and in what.
    """

    value: float
    low: float
    high: float
    without_difference: float
    p_value: float
    groups: int
    between: tuple[str, ...]

    def json(self) -> dict[str, Any]:
        """Plain data; None where a number is not defined."""
        return {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in asdict(self).items()
        }


NO_GAP = Gap(math.nan, math.nan, math.nan, math.nan, math.nan, 0, ())


def count_table(
    groups: ArrayLike, labels: ArrayLike, predicted: ArrayLike, shape: tuple[int, int]
) -> NDArray[np.int64]:
    """Counts int64 [groups, classes, classes] of (group, label, prediction); tables of parts of
    the data add up. Examples of a group below 0 are in none.

    Args:
        shape: how many groups and classes.
    """
    group, label, said = (np.asarray(a, np.int64) for a in (groups, labels, predicted))
    known = group >= 0
    place = (group[known] * shape[1] + label[known]) * shape[1] + said[known]
    return np.bincount(place, minlength=shape[0] * shape[1] ** 2).reshape(shape[0], shape[1], -1)


def demographic_parity(
    table: NDArray[np.int64], names: tuple[str, ...], level: float = 0.95, seed: int = 0
) -> Gap:
    """max over classes c and groups g, h of |P(ŷ = c | g) − P(ŷ = c | h)|.

    For two classes the demographic parity difference of Dwork et al., "Fairness through
    awareness", ITCS 2012.

    Args:
        table: of `count_table`.
        names: of the groups.
    """
    said = table.sum(axis=1)
    classes = range(1, 2) if said.shape[1] == 2 else range(said.shape[1])
    totals = said.sum(axis=1)
    shares = [(f"predicted {c}", said[:, c], totals) for c in classes]
    return _largest(shares, names, level, seed)


def equalised_odds(
    table: NDArray[np.int64], names: tuple[str, ...], level: float = 0.95, seed: int = 0
) -> Gap:
    """The largest difference between groups of P(ŷ = c | y, g).

    For two classes over the true and the false positive rate (Hardt, Price and Srebro, NeurIPS
    2016), for more over each class's recall.
    """
    classes = table.shape[1]
    asked = [(0, 1), (1, 1)] if classes == 2 else [(y, y) for y in range(classes)]
    shares = [
        (f"label {y} predicted {c}", table[:, y, c], table[:, y].sum(axis=1)) for y, c in asked
    ]
    return _largest(shares, names, level, seed)


def calibration_within_groups(
    groups: ArrayLike,
    confidence: ArrayLike,
    correct: ArrayLike,
    names: tuple[str, ...],
    level: float = 0.95,
    seed: int = 0,
    draws: int = 2000,
) -> Gap:
    """The largest |mean confidence − accuracy| of a group, one that is compared with the truth.

    `without_difference` is its mean reading if every confidence were true; the interval is
    normal, over all groups at once.

    Args:
        groups: int [n]; below 0 in none.
        confidence: [n] in [0, 1].
        correct: [n], 0 or 1.
        names: of the groups.
    """
    check_level(level)
    group = np.asarray(groups, np.int64)
    sure, right = np.asarray(confidence, np.float64), np.asarray(correct, np.float64)
    known = group >= 0
    n = np.bincount(group[known], minlength=len(names))
    enough = np.flatnonzero(n >= ENOUGH)
    if not len(enough):
        return NO_GAP

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(group[known], values[known], minlength=len(names))
        shares: NDArray[np.float64] = sums[enough] / n[enough]
        return shares

    gap = mean(sure - right)
    spread = np.sqrt(np.maximum(mean((sure - right) ** 2) - gap**2, 0) / n[enough])
    chance = np.random.default_rng(seed).normal(size=(draws, len(enough)))
    chance = np.abs(chance * np.sqrt(mean(sure * (1 - sure)) / n[enough])).max(axis=1)
    z = float(ndtri(1 - (1 - level) / (2 * len(enough))))
    worst = int(np.abs(gap).argmax())
    value = float(np.abs(gap[worst]))
    low = float(np.maximum(np.abs(gap) - z * spread, 0).max())
    high = float((np.abs(gap) + z * spread).max())
    p_value = float((1 + (chance >= value - 1e-12).sum()) / (1 + draws))
    what = "overconfident" if gap[worst] > 0 else "underconfident"
    between = (names[enough[worst]], what)
    return Gap(value, low, high, float(chance.mean()), p_value, len(enough), between)


Shares = list[tuple[str, NDArray[np.int64], NDArray[np.int64]]]


def _largest(shares: Shares, names: tuple[str, ...], level: float, seed: int) -> Gap:
    """Of all shares and pairs of groups. Differences of two shares have Newcombe's hybrid score
    interval (Statistics in Medicine 17, 1998, method 10), at a level for all pairs together.
    """
    check_level(level)
    compared = [(what, part, whole, whole >= ENOUGH) for what, part, whole in shares]
    compared = [each for each in compared if each[3].sum() >= 2]
    pairs = sum(int(e[3].sum()) * (int(e[3].sum()) - 1) // 2 for e in compared)
    if not pairs:
        return NO_GAP
    z = float(ndtri(1 - (1 - level) / (2 * pairs)))
    best, low, high = -1.0, 0.0, 0.0
    between: tuple[str, ...] = ()
    for what, part, whole, enough in compared:
        kept = np.flatnonzero(enough)
        p = part[kept] / whole[kept]
        below, above = wilson(p, whole[kept], z)
        difference = p[:, None] - p[None, :]
        under = np.sqrt((p - below)[:, None] ** 2 + (above - p)[None, :] ** 2)
        over = np.sqrt((above - p)[:, None] ** 2 + (p - below)[None, :] ** 2)
        low = max(low, float((difference - under).max()))
        high = max(high, float((difference + over).max()))
        if difference.max() > best:
            best = float(difference.max())
            one, other = np.unravel_index(difference.argmax(), difference.shape)
            between = (names[kept[one]], names[kept[other]], what)
    chance = _without_difference(compared, seed)
    groups = int(max(each[3].sum() for each in compared))
    p_value = float((1 + (chance >= best - 1e-12).sum()) / (1 + len(chance)))
    return Gap(best, low, min(high, 1.0), float(chance.mean()), p_value, groups, between)


def _without_difference(compared: list[Any], seed: int, draws: int = 2000) -> NDArray[np.float64]:
    """The gap [draws] if every group had the shares of all of them together."""
    random = np.random.default_rng(seed)
    largest = np.zeros(draws)
    for _, part, whole, enough in compared:
        pooled = part[enough].sum() / whole[enough].sum()
        drawn = random.binomial(whole[enough], pooled, size=(draws, int(enough.sum())))
        share = drawn / whole[enough]
        largest = np.maximum(largest, share.max(axis=1) - share.min(axis=1))
    return largest
