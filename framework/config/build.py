"""Turns plain settings with `_target_` into objects: checked whole first, then built."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from framework.config import arguments
from framework.config.problem import InvalidConfig, Problem


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
        values = {name: _built(value, problems) for name, value in self.arguments.items()}
        if problems:
            raise InvalidConfig(*problems)
        if self.partial:
            return functools.partial(self.target, **values)
        try:
            return self.target(**values)
        except InvalidConfig as error:
            raise error.under(self.key) from error


def read(settings: Mapping[str, Any], key: str = "") -> tuple[Call | None, list[Problem]]:
    """Reads `settings`, a tree of plain data, into calls; touches nothing but imports.

    Returns:
        The call that builds the object (None where its target is wrong) and every problem found.
    """
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


def _read_value(hint: object, value: object, key: str) -> tuple[object, list[Problem]]:
    if isinstance(value, Mapping) and "_target_" in value:
        call, problems = read(value, key)
        return call, problems + (_wrong_kind(hint, call, key) if call else [])
    if isinstance(value, list) and any(_has_target(item) for item in value):
        pairs = [_read_value(None, item, f"{key}.{i}") for i, item in enumerate(value)]
        return tuple(item for item, _ in pairs), [p for _, found in pairs for p in found]
    if isinstance(value, Mapping) and any(_has_target(item) for item in value.values()):
        named = {n: _read_value(None, item, f"{key}.{n}") for n, item in value.items()}
        return {n: item for n, (item, _) in named.items()}, [
            p for _, found in named.values() for p in found
        ]
    return arguments.check_value(hint, value, key)


def _wrong_kind(hint: object, call: Call, key: str) -> list[Problem]:
    """A class where another class is wanted, e.g. an optimizer's file under `trainer`."""
    if not inspect.isclass(hint) or not inspect.isclass(call.target) or call.partial:
        return []
    if getattr(hint, "_is_protocol", False) or issubclass(call.target, hint):
        return []
    name = f"{call.target.__module__}.{call.target.__qualname__}"
    return [Problem(_join(key, "_target_"), name, f"a {hint.__module__}.{hint.__qualname__}")]


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
