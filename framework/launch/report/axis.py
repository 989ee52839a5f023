"""A swept key, or a result, as a line on which trials have a place."""

import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from framework.evaluation import formats
from framework.launch.grid import same

_LOG = re.compile(r"\btag\([^()]*\blog\b")
WIDE = 50  # times larger: such results are read by their powers of ten
TICKS = 4
SHORT, LONGER = 3, 6  # digits, of which the first that tell an axis's values apart are shown


@dataclass(frozen=True)
class Axis:
    """Numbers from `low` to `high`, or names one after another.

    Attributes:
        title: what people call it.
        names: of the values that have no order, as they are shown; empty for numbers.
        values: what has those names, as `same` writes it: a name is short, this is exact.
        percent: the numbers are shares.
        whole: there are none between them.
        digits: that are shown of a number; None: all.
    """

    key: str
    title: str
    low: float
    high: float
    log: bool = False
    names: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    percent: bool = False
    whole: bool = False
    digits: int | None = SHORT

    def number(self, value: Any) -> float:
        """Where a value is, in the axis's own units; NaN where it has no place."""
        if self.names:
            exact = same(value)
            return float(self.values.index(exact)) if exact in self.values else math.nan
        if isinstance(value, bool) or not isinstance(value, int | float):
            return math.nan
        return math.nan if self.log and value <= 0 else float(value)

    def place(self, value: Any) -> float | None:
        """The same as a share of the axis; None where it has no place."""
        return self.share(self.number(value))

    def share(self, found: float) -> float | None:
        """How far along the axis a number of its own units is."""
        if not math.isfinite(found):
            return None
        low, high = self.low, self.high
        if self.log:
            found, low, high = math.log(found), math.log(low), math.log(high)
        return 0.5 if high == low else min(max((found - low) / (high - low), 0.0), 1.0)

    def ticks(self) -> list[tuple[float, str]]:
        """Values to be written beside it."""
        if self.names:
            return [(float(n), name) for n, name in enumerate(self.names)]
        from matplotlib.ticker import LogLocator, MaxNLocator

        locator = LogLocator(numticks=TICKS + 1) if self.log else MaxNLocator(
            TICKS, integer=self.whole
        )  # fmt: skip
        slack = 1e-9 * (self.low if self.log else self.high - self.low)
        found = [float(v) for v in locator.tick_values(self.low, self.high)]
        inside = [v for v in found if self.low - slack <= v <= self.high + slack]
        several = inside if len(inside) > 1 else sorted({self.low, self.high})
        return [(v, self.shown(v)) for v in several]

    def shown(self, value: float) -> str:
        """A number of this axis for people, which need be none of the values."""
        if self.percent:
            return f"{100 * value:.4g}%"
        return text(float(value), self.digits or 2 * LONGER)

    def text(self, value: Any) -> str:
        """A value of this axis for people."""
        number = self.number(value) if self.names else math.nan
        return text(value, self.digits) if math.isnan(number) else self.names[int(number)]


def axis(key: str, space: Mapping[str, Any], tried: Sequence[Mapping[str, Any]]) -> Axis:
    """Of a swept key.

    Args:
        space: as `sweep.yaml` has it: `written`, and `values` where it has any.
        tried: the values of each trial.
    """
    written, listed = str(space.get("written", "")), list(space.get("values") or ())
    values = [*listed, *(values[key] for values in tried if key in values)]
    numbers = [v for v in values if isinstance(v, int | float) and not isinstance(v, bool)]
    title = key.lstrip("+").rpartition(".")[2].replace("_", " ").capitalize()
    if not values or len(numbers) < len(values) or not np.isfinite(numbers).all():
        exact = {same(value): value for value in values or ("",)}
        names = _names(list(exact.values()))
        return Axis(key, title, 0.0, len(names) - 1.0, names=names, values=tuple(exact))
    low, high = float(min(numbers)), float(max(numbers))
    log = low > 0 and ((bool(listed) and _by_powers(numbers)) or bool(_LOG.search(written)))
    whole = all(isinstance(v, int) for v in numbers)
    # What a sampler draws has digits without end, of which three are enough to read.
    digits = _digits(list(map(float, numbers))) if listed else SHORT
    return Axis(key, title, low, high, log, whole=whole, digits=digits)


def _digits(values: Sequence[Any]) -> int | None:
    """The fewest that say what each value is, and tell them apart; None: all."""
    apart = len(set(map(same, values)))
    for digits in (SHORT, LONGER):
        shown = {text(value, digits) for value in values}
        if len(shown) == apart and all(_keeps(value, digits) for value in values):
            return digits
    return None


def _keeps(value: Any, digits: int) -> bool:
    if isinstance(value, list | tuple | Mapping):
        inner = value.values() if isinstance(value, Mapping) else value
        return all(_keeps(one, digits) for one in inner)
    if not isinstance(value, float):
        return True
    return math.isclose(float(f"{value:.{digits}g}"), value) or not math.isfinite(value)


def _names(values: Sequence[Any]) -> tuple[str, ...]:
    """Of different values different ones: true and the word "true" are written as JSON has them."""
    digits = _digits(values)
    names = tuple(text(value, digits) for value in values)
    return names if len(set(names)) == len(names) else tuple(map(json.dumps, values))


def _by_powers(numbers: Sequence[float]) -> bool:
    """Whether numbers above zero are spread more evenly by their powers of ten."""
    values = np.unique(np.array(numbers, float))
    if len(values) < 2 or values[-1] < 10 * values[0]:
        return False
    widest = [np.diff(each).max() / np.ptp(each) for each in (np.log(values), values)]
    return bool(widest[0] < widest[1] or values[-1] >= WIDE * values[0])


def told_apart(axes: Sequence[Axis]) -> list[Axis]:
    """Titles that two share are written in full."""
    often = Counter(one.title for one in axes)
    return [one if often[one.title] == 1 else replace(one, title=one.key) for one in axes]


def result_axis(metric: str, values: Sequence[float]) -> Axis:
    """Of a metric, over the finite values among those given."""
    finite = [v for v in values if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(finite), max(finite)
    percent = formats.is_share(metric)
    wide = low > 0 and high / low >= WIDE and not percent
    return Axis(metric, formats.title(metric), low, high, wide, percent=percent)


def text(value: Any, digits: int | None = None) -> str:
    """A value of a swept key for people: as it would be written, or with so many digits."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, float):
        return _number(value, digits).replace("e-0", "e-").replace("e+0", "e")
    if isinstance(value, list | tuple):
        return f"[{', '.join(text(one, digits) for one in value)}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{k}: {text(v, digits)}' for k, v in value.items())}}}"
    return str(value)


def _number(value: float, digits: int | None) -> str:
    if digits is not None:
        return f"{value:.{digits}g}"
    several = [f"{value:.{SHORT}g}", f"{value:.{LONGER}g}"]
    return next((written for written in several if float(written) == value), repr(value))
