"""A number with what a reader needs to judge it."""

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Estimate:
    """A measured number, its interval, and how much it was measured on.

    Attributes:
        value: the number as read off the sample; NaN where it is not defined.
        low: lower end of the interval; NaN where there is not enough data for one.
        high: upper end of the interval.
        n: independent units behind it: examples, or groups of them.
        under_calibration: what would be read at this n of a model whose probabilities are
            true; NaN for a number that calibration does not say.
    """

    value: float
    low: float
    high: float
    n: int
    under_calibration: float = math.nan

    def json(self) -> dict[str, float | None]:
        """The fields as plain numbers; None for what is NaN."""
        return {k: None if math.isnan(v) else v for k, v in asdict(self).items()}


def proportion(successes: float, n: int, level: float = 0.95) -> Estimate:
    """`successes` of `n` with Wilson's score interval (Wilson, JASA 22, 1927, 209-212).

    With p = successes / n and z the normal quantile of (1 + level) / 2,
    (p + z²/2n ± z √(p (1 − p) / n + z²/4n²)) / (1 + z²/n). It covers at about its level on
    average, and unlike p ± z s it has a width at p = 0 and 1 (Brown, Cai and DasGupta,
    Statistical Science 16, 2001). All is NaN for n = 0.

    Raises:
        ValueError: a level outside (0, 1), or successes outside [0, n].
    """
    check_level(level)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n}")
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    low, high = wilson(successes / n, n, NormalDist().inv_cdf((1 + level) / 2))
    return Estimate(successes / n, float(low), float(high), n)


def wilson(p: ArrayLike, n: ArrayLike, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both ends of the interval of `proportion`, of shares `p` of `n` > 0; z normal deviations
    wide. Within [0, 1], and reaching the ends where the share does.
    """
    share, count = np.asarray(p, np.float64), np.asarray(n, np.float64)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * np.sqrt(share * (1 - share) / count + z * z / (4 * count**2)) / (1 + z * z / count)
    low = np.where(share <= 0, 0.0, np.maximum(centre - half, 0.0))
    high = np.where(share >= 1, 1.0, np.minimum(centre + half, 1.0))
    return low, high


def check_level(level: float) -> None:
    """ValueError unless 0 < level < 1."""
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval must be between 0 and 1, not {level}")
