"""The Brier score and what it is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from framework.stats.calibration.table import UNIT, ReliabilityTable


@dataclass(frozen=True)
class BrierParts:
    """score = reliability − resolution + uncertainty + within_variance − within_covariance.

    Murphy, Journal of Applied Meteorology 12, 1973, for the first three, and Stephenson, Coelho
    and Jolliffe, Weather and Forecasting 23, 2008, equation 8, for the two that remain because a
    bin holds more than one confidence: with them the sum is exact for any bins. With p̄, ȳ of
    bin b and ȳ of all, means over predictions of

    Attributes:
        score: (p − y)².
        reliability: (p̄_b − ȳ_b)², the lower the better.
        resolution: (ȳ_b − ȳ)², the higher the better.
        uncertainty: ȳ (1 − ȳ), of the data alone.
        within_variance: (p − p̄_b)².
        within_covariance: 2 (y − ȳ_b)(p − p̄_b).
    """

    score: float
    reliability: float
    resolution: float
    uncertainty: float
    within_variance: float
    within_covariance: float


def brier_parts(tables: ReliabilityTable | Sequence[ReliabilityTable]) -> BrierParts:
    """The parts of one table, or summed over the tables of classes (`class_reliability`).

    The sum over classes is the score from 0 to 2 that `classification_metrics` gives. All are
    NaN without predictions.
    """
    if isinstance(tables, ReliabilityTable):
        tables = [tables]
    parts = np.sum([_parts(table) for table in tables], axis=0)
    return BrierParts(*(float(part) for part in parts))


def _parts(table: ReliabilityTable) -> list[float]:
    n = float(table.counts.sum())
    if not n:
        return [float("nan")] * 6
    filled = table.counts > 0
    count, y, p = (s[filled] for s in (table.counts, table.correct, table.confidence))
    squares, products = table.square_units[filled] * UNIT, table.correct_units[filled] * UNIT
    rate = y.sum() / n
    return [
        (squares - 2 * products + y).sum() / n,
        (np.square(p - y) / count).sum() / n,
        (count * np.square(y / count - rate)).sum() / n,
        rate * (1 - rate),
        (squares - np.square(p) / count).sum() / n,
        2 * (products - p * y / count).sum() / n,
    ]
