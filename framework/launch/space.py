"""The space of a sweep: for each swept key an interval or a list of choices."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from framework.config import InvalidConfig, Problem, nearest
from framework.config.swept import Dimension

TAGS = ("log",)


@dataclass(frozen=True)
class Interval:
    """Numbers from `low` to `high`, both among them.

    Attributes:
        log: each power of ten is as likely as the next.
        step: between neighbours; None: continuous (of whole numbers: 1).
        integer: whole numbers.

    Raises:
        ValueError: there is no such interval; the message says what was expected.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    integer: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise ValueError("an interval between two finite numbers")
        if self.low > self.high:
            raise ValueError("an interval whose low end comes first")
        if self.log and self.low <= 0:
            raise ValueError("an interval above zero, which a logarithm needs")
        if self.log and self.step is not None and not (self.integer and self.step == 1):
            raise ValueError("either a logarithmic interval or one with steps")
        if self.step is not None and not _fits(self.step, self.high - self.low):
            raise ValueError("a step above zero that leads from the low end to the high one")
        if self.integer and not all(float(end).is_integer() for end in (self.low, self.high)):
            raise ValueError("whole numbers at both ends")


@dataclass(frozen=True)
class Choice:
    """One of several values without an order.

    Raises:
        ValueError: there are none.
    """

    values: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a list with at least one value")


Parameter = Interval | Choice
Space = Mapping[str, Parameter]


def make_space(swept: Sequence[Dimension]) -> dict[str, Parameter]:
    """The space that was written.

    Raises:
        InvalidConfig: no space can be made of it; a line for each key.
    """
    space: dict[str, Parameter] = {}
    problems: list[Problem] = []
    for one in swept:
        problems += [
            Problem(one.key, one.written, f"no tag '{tag}'", nearest(tag, TAGS))
            for tag in one.tags
            if tag not in TAGS
        ]
        try:
            space[one.key] = _parameter(one)
        except ValueError as error:
            problems.append(Problem(one.key, one.written, str(error)))
    if problems:
        raise InvalidConfig(*problems)
    return space


def as_plain(space: Space) -> dict[str, dict[str, Any]]:
    """The space as data that a file can hold."""
    return {key: asdict(parameter) for key, parameter in space.items()}


def as_range(one: Dimension) -> str | None:
    """The range that has the whole numbers of an interval, `range(0,10)` of `interval(0,9)`.

    None where it is no interval or an end is no whole number.
    """
    ends = (one.start, one.stop)
    if one.kind != "interval" or not all(end is not None and end % 1 == 0 for end in ends):
        return None
    low, high = (int(end) for end in ends if end is not None)
    tags = [f"tag({','.join(one.tags)},", ")"] if one.tags else ["", ""]
    return f"range({low},{high + 1})".join(tags)


def _parameter(one: Dimension) -> Parameter:
    log = "log" in one.tags
    if one.kind == "list":
        if log:
            raise ValueError("log on an interval, not on a list")
        return Choice(one.values)
    assert one.start is not None
    assert one.stop is not None
    if one.kind == "interval":
        return Interval(one.start, one.stop, log, None, _whole(one.start, one.stop))
    step = abs(one.step or 0)
    if not 0 < step <= abs(one.stop - one.start):
        raise ValueError("a step that fits between start and stop")
    whole = _whole(one.start, one.stop, step)
    if whole:
        steps = None if step == 1 else step
        return Interval(min(one.values), max(one.values), log, steps, whole)
    low = min(one.values)
    # In decimals, as it was written: three steps of 0.1 from 0 reach 0.3.
    reached = Decimal(str(low)) + (len(one.values) - 1) * Decimal(str(step))
    return Interval(low, float(reached), log, step)


def _whole(*numbers: float) -> bool:
    return all(isinstance(number, int) for number in numbers)


def _fits(step: float, span: float) -> bool:
    return step > 0 and math.isclose(span / step, round(span / step), abs_tol=1e-6)
