"""Whether one measured number is worse than another, given the intervals of both."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from framework.stats.direction import higher_is_better


@dataclass(frozen=True)
class Difference:
    """How much better the candidate is; negative where it is worse.

    Attributes:
        value: candidate minus champion, turned so that more is better.
        high: upper end of the interval of `value`; `value` itself where an interval is missing.
    """

    value: float
    high: float
    measured: bool


def difference(
    name: str, candidate: Mapping[str, float], champion: Mapping[str, float]
) -> Difference:
    """Of the metric `name` with its ends `name/low` and `name/high`.

    With values c and b, and the ends that face each other (where more is better: the candidate's
    upper end C and the champion's lower end B), the half-widths add in quadrature:

        high = (c − b) + √((C − c)² + (b − B)²)

    the square-and-add interval of a difference (Newcombe, Statistics in Medicine 17, 1998; Zou and
    Donner, ibid. 27, 2008). It holds for independent samples; where both were measured on the same
    examples it is wider than it need be, and so slower to call a candidate worse.

    Raises:
        KeyError: one of them does not have it.
        ValueError: a value is no finite number.
    """
    ours, theirs = candidate[name], champion[name]
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        raise ValueError(f"{name} is {ours} of the candidate and {theirs} of the champion")
    up = higher_is_better(name)
    best, worst = ("high", "low") if up else ("low", "high")
    value = ours - theirs if up else theirs - ours
    ends = (candidate.get(f"{name}/{best}"), champion.get(f"{name}/{worst}"))
    if None in ends:
        return Difference(value, value, False)
    best_of_ours, worst_of_theirs = (float(end) for end in ends if end is not None)
    room = math.hypot(best_of_ours - ours, worst_of_theirs - theirs)
    return Difference(value, value + room, True)
