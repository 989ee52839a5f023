"""Turns plain settings with `_target_` into objects: checked whole first, then built."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from typing_extensions import get_protocol_members

from framework.config import arguments
from framework.config.problem import InvalidConfig, Problem, blame


@dataclass(frozen=True)
class Call:
    """A class or function with checked arguments, not yet called."""

    key: str
    target: Callable[..., Any]
    arguments: dict[str, Any]
    partial: bool

    def __call__(self) -> Any:
        """Builds the object and all that it holds.

        Raises:
            InvalidConfig: what any of the constructors objected to, together.
        """
        problems: list[Problem] = []
        values: dict[str, Any] = {}
        for name in self.arguments:
            try:
                values[name] = self.part(name)
            except InvalidConfig as error:
                problems += error.problems
        if problems:
            raise InvalidConfig(*problems)
        if self.partial:
            return functools.partial(self.target, **values)
        try:
            return self.target(**values)
        except InvalidConfig as error:
            raise error.under(self.key) from error
        except (TypeError, ValueError, LookupError, OSError, ImportError) as error:
            name = getattr(self.target, "__qualname__", str(self.target))
            expected = "arguments with which it can be built"
            raise InvalidConfig(Problem(self.key, name, expected, blame(error))) from error

    def part(self, name: str) -> Any:
        """Builds the argument `name`.

        Raises:
            InvalidConfig: what constructors objected to, or it is of another kind than is wanted.
        """
        value = self.arguments[name]
        problems: list[Problem] = []
        built = _built(value, problems)
        if isinstance(value, Call) and not value.partial and not problems:
            problems += _misfit(arguments.hints(self.target).get(name), built, value)
        if problems:
            raise InvalidConfig(*problems)
        return built


def read(
    settings: Mapping[str, Any], key: str = "", implied: Callable[..., Any] | None = None
) -> tuple[Call | None, list[Problem]]:
    """Reads `settings`, a tree of plain data, into calls; touches nothing but imports.

    Args:
        implied: the target where `settings` names none.

    Returns:
        The call that builds the object (None where its target is wrong) and every problem found.
    """
    target = implied
    if target is None or "_target_" in settings:
        try:
            target = arguments.locate(settings.get("_target_"), _join(key, "_target_"))
        except InvalidConfig as error:
            return None, list(error.problems)
    partial = bool(settings.get("_partial_", False))
    given = {n: v for n, v in settings.items() if n not in ("_target_", "_partial_")}
    problems = arguments.check_names(target, given, key, partial=partial)
    known = arguments.hints(target)
    wrong = {problem.key for problem in problems}
    values: dict[str, Any] = {}
    for name, value in given.items():
        place = _join(key, name)
        if place in wrong:
            continue
        values[name], found = _read_value(known.get(name), value, place)
        problems += found
    return Call(key, target, values, partial), problems


def require(settings: Mapping[str, Any], key: str = "") -> Any:
    """Reads and builds in one go.

    Raises:
        InvalidConfig: every problem found.
    """
    call, problems = read(settings, key)
    if problems or call is None:
        raise InvalidConfig(*problems)
    return call()


def _read_value(
    hint: object, value: object, key: str, *, named: bool = False
) -> tuple[object, list[Problem]]:
    kind = arguments.dataclass_of(hint)
    if _has_target(value) or (isinstance(value, Mapping) and kind is not None):
        assert isinstance(value, Mapping)
        # What is switched off by null, or one of several by name, needs no `_target_`.
        plain = named or arguments.is_optional(hint)
        call, problems = read(value, key, kind if plain else None)
        # What another class would not take either is beside the point.
        return call, (_wrong_kind(hint, call, key) if call else []) or problems
    item = arguments.item_hint(hint)
    if isinstance(value, list) and any(map(_has_target, value)):
        pairs = [_read_value(item, part, f"{key}.{i}") for i, part in enumerate(value)]
        return tuple(part for part, _ in pairs), [p for _, found in pairs for p in found]
    objects = arguments.dataclass_of(item) is not None
    if isinstance(value, Mapping) and (objects or any(map(_has_target, value.values()))):
        parts = {n: _read_value(item, v, f"{key}.{n}", named=True) for n, v in value.items()}
        return {n: part for n, (part, _) in parts.items()}, [
            p for _, found in parts.values() for p in found
        ]
    return arguments.check_value(hint, value, key)


def _wrong_kind(hint: object, call: Call, key: str) -> list[Problem]:
    """A class where another class is wanted, e.g. an optimizer's file under `trainer`."""
    wanted = arguments.alternatives(hint)
    if not wanted or not all(_is_plain_class(part) for part in wanted):
        return []
    if not inspect.isclass(call.target) or call.partial or issubclass(call.target, wanted):
        return []
    expected = " or ".join(f"a {_full_name(part)}" for part in wanted)
    return [Problem(_join(key, "_target_"), _full_name(call.target), expected)]


def _misfit(hint: object, built: object, call: Call) -> list[Problem]:
    """An object that was built and is not what is wanted, as a function may return anything."""
    wanted = arguments.alternatives(hint)
    lacking = [_lacking(part, built) for part in wanted]
    if not wanted or None in lacking:
        return []
    place = _join(call.key, "_target_")
    expected = " or ".join(arguments.an(part.__name__) for part in wanted)
    said = f"it gives {arguments.an(type(built).__name__)}{lacking[0]}"
    return [Problem(place, _full_name(call.target), expected, said)]


def _lacking(kind: Any, built: object) -> str | None:
    """Why `built` is no `kind`; None where it is, or where that cannot be said."""
    if getattr(kind, "_is_protocol", False):
        missing = sorted(n for n in get_protocol_members(kind) if not hasattr(built, n))
        return f" without {', '.join(missing)}" if missing else None
    return "" if _is_plain_class(kind) and not isinstance(built, kind) else None


def _is_plain_class(hint: object) -> bool:
    return inspect.isclass(hint) and not getattr(hint, "_is_protocol", False)


def _full_name(target: Any) -> str:
    return f"{target.__module__}.{getattr(target, '__qualname__', target)}"


def _built(value: Any, problems: list[Problem]) -> Any:
    if isinstance(value, Call):
        try:
            return value()
        except InvalidConfig as error:
            problems.extend(error.problems)
            return None
    if isinstance(value, tuple) and any(isinstance(item, Call) for item in value):
        return tuple(_built(item, problems) for item in value)
    if isinstance(value, dict) and any(isinstance(item, Call) for item in value.values()):
        return {name: _built(item, problems) for name, item in value.items()}
    return value


def _has_target(value: object) -> bool:
    return isinstance(value, Mapping) and "_target_" in value


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)
