"""The space of a sweep, as Hydra's own grammar of overrides gives it, in plain data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from framework.config.problem import InvalidConfig, Problem

_PLAIN_TEXT = re.compile(r"[A-Za-z_/][\w./-]*|\$\{[^{}]*\}", re.ASCII)
_MEANT_OTHERWISE = ("true", "false", "null", "nan", "inf")


@dataclass(frozen=True)
class Dimension:
    """A key that is swept.

    Attributes:
        key: as it is written, with its `+` where it adds one.
        kind: a list of values (of `a,b`, `choice(…)`, `glob(…)`), a range or an interval.
        values: those of a list or a range, in order; none of an interval.
        start, stop, step: of a range (without `stop`) or an interval.
        tags: what `tag(log, …)` says.
        written: the part after the `=`.
    """

    key: str
    kind: Literal["list", "range", "interval"]
    values: tuple[Any, ...] = ()
    start: float | None = None
    stop: float | None = None
    step: float | None = None
    tags: tuple[str, ...] = ()
    written: str = ""


def parse(
    words: Sequence[str], params: Mapping[str, Any], loader: Any
) -> tuple[tuple[str, ...], tuple[Dimension, ...]]:
    """The words that are fixed, and the keys that are swept.

    Args:
        words: of the command line.
        params: of a config file, `hydra.sweeper.params`; the command line's come before them.
        loader: Hydra's, which knows what a glob stands for.

    Raises:
        InvalidConfig: a list with nothing in it.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create(config_loader=loader)
    found = {
        one.get_key_element(): one
        for one in parser.parse_overrides([*(f"{k}={v}" for k, v in params.items()), *words])
    }
    swept = [one for one in found.values() if one.is_sweep_override()]
    fixed = tuple(str(one.input_line) for one in found.values() if not one.is_sweep_override())
    return fixed, tuple(map(_dimension, swept))


def _dimension(override: Any) -> Dimension:
    key, value = override.get_key_element(), override._value
    tags = tuple(sorted(getattr(value, "tags", ())))
    written = override.get_value_string()
    if override.is_interval_sweep():
        return Dimension(key, "interval", (), value.start, value.end, None, tags, written)
    values = tuple(override._convert_value(one) for one in override.sweep_iterator())
    if not values:
        expected = "at least one value"
        raise InvalidConfig(Problem(key, written, expected))
    if override.is_range_sweep():
        return Dimension(key, "range", values, value.start, value.stop, value.step, tags, written)
    return Dimension(key, "list", values, tags=tags, written=written)


def as_word(key: str, value: object) -> str:
    """`key=value` in Hydra's grammar, whatever the value is."""
    return f"{key}={_written(value)}"


def _written(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_written(k)}:{_written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    if not isinstance(value, str):
        return repr(value)
    if _PLAIN_TEXT.fullmatch(value) and value.lower() not in _MEANT_OTHERWISE:
        return value
    # Backslashes have a meaning before a quote alone.
    text = re.sub(r"(\\*)'", r"\1\1\'", value)
    return "'" + re.sub(r"(\\+)\Z", r"\1\1", text) + "'"
