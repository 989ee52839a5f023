"""The few groups over which shares are compared: 512 bins of a small sample are all noise."""

import numpy as np
from numpy.typing import NDArray

from framework.stats.drift.categories import Categories
from framework.stats.drift.histogram import Histogram

GROUPS = 10
EXPECTED = 5  # Cochran (1954): fewer expected in a cell, and chi-squared is no guide
EACH = 10  # rows of either table to a quantile group

Counts = NDArray[np.int64]
Pair = tuple[Counts, Counts]


def grouped(
    reference: Histogram | Categories, current: Histogram | Categories, groups: int = GROUPS
) -> Pair:
    """Counts of both tables [groups] over the same groups; those empty in both are left out.

    - A histogram's bins form quantile groups of the reference: a bin is in group
      ⌊groups · (share of the reference below the middle of its mass)⌋. A value that holds more
      than a group's share has a group of its own, so that there may be fewer; and there are no
      more than one for every ten values of the smaller table, but two at least.
    - Each category is a group, but those of which one expects fewer than five in the smaller
      table are one.
    - Where the reference holds single values only (categories, a count, a constant), what it does
      not know is one group with its rarest values: those of which one expects fewer than five in
      the reference. Apart, fresh data would always seem to have drifted, since a reference
      never holds all the rare values there are, and never lacks its own.
    - Missing values are a group.

    What is expected of a value is its share of both tables together times a table's rows, so
    that rows which change sides without drift change no group.

    Raises:
        ValueError: tables of different kinds, edges or known values.
    """
    if isinstance(reference, Histogram) and isinstance(current, Histogram):
        if not np.array_equal(reference.edges, current.edges):
            raise ValueError("histograms over different edges: count both with one reference")
        group = _quantile_groups(reference, current, groups)
        pair = reference.counts, current.counts
    elif isinstance(reference, Categories) and isinstance(current, Categories):
        if not np.array_equal(reference.known, current.known):
            raise ValueError("tables of different known values: count both with one reference")
        group = _frequent(reference, current)
        pair = (
            np.append(reference.counts, reference.other),
            np.append(current.counts, current.other),
        )
    else:
        raise ValueError(f"{type(reference).__name__} beside {type(current).__name__}")
    first = np.append(np.bincount(group, pair[0]), reference.missing).astype(np.int64)
    second = np.append(np.bincount(group, pair[1]), current.missing).astype(np.int64)
    seen = first + second > 0
    return first[seen], second[seen]


def _quantile_groups(reference: Histogram, current: Histogram, groups: int) -> Counts:
    counts = reference.counts
    values = int(counts.sum())
    groups = min(groups, max(2, min(values, int(current.counts.sum())) // EACH))
    middle = np.cumsum(counts) - counts / 2
    group = np.minimum(groups * middle / max(values, 1), groups - 1).astype(np.int64)
    if not counts[~reference.atoms].any():
        rarest = _expected(reference, current, reference.total) < EXPECTED
        group[~reference.atoms | rarest] = groups
    return np.asarray(group)


def _frequent(reference: Categories, current: Categories) -> Counts:
    """The group of each known value, and of the others."""
    smaller = min(reference.total, current.total)
    k = len(reference.known)
    group = np.where(_expected(reference, current, smaller) < EXPECTED, k, np.arange(k))
    rarest = _expected(reference, current, reference.total) < EXPECTED
    return np.append(np.where(rarest, k + 1, group), k + 1)


def _expected(
    reference: Histogram | Categories, current: Histogram | Categories, rows: int
) -> NDArray[np.float64]:
    """How many of each value `rows` rows would hold without drift."""
    both = max(reference.total + current.total, 1)
    return np.asarray((reference.counts + current.counts) * (rows / both))
