"""Checks the arguments of one `_target_` against its signature, before it is called."""

import functools
import importlib
import inspect
import json
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from framework.config.problem import InvalidConfig, Problem, nearest

MISSING = "???"
_FLEXIBLE = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def locate(name: object, key: str) -> Callable[..., Any]:
    """Imports the class or function `package.module.Name`.

    Raises:
        InvalidConfig: the module does not import, or has no such name.
    """
    expected = "the full name of a class or function that can be imported"
    if not isinstance(name, str) or "." not in name:
        raise InvalidConfig(Problem(key, name, expected))
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        module_name = ".".join(parts[:cut])
        try:
            found: Any = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name is not None and f"{module_name}.".startswith(f"{error.name}."):
                continue
            hint = f"importing {module_name} failed: {error}"
            raise InvalidConfig(Problem(key, name, expected, hint)) from error
        except Exception as error:
            hint = f"importing {module_name} failed: {type(error).__name__}: {error}"
            raise InvalidConfig(Problem(key, name, expected, hint)) from error
        for attribute in parts[cut:]:
            if not hasattr(found, attribute):
                names = [n for n in dir(found) if not n.startswith("_")]
                hint = f"{module_name} has no '{attribute}'; {nearest(attribute, names)}"
                raise InvalidConfig(Problem(key, name, expected, hint))
            found = getattr(found, attribute)
        if not callable(found):
            raise InvalidConfig(Problem(key, name, expected, "it is neither"))
        return typing.cast("Callable[..., Any]", found)
    hint = f"there is no module named {parts[0]}"
    raise InvalidConfig(Problem(key, name, expected, hint))


def check_names(
    target: Callable[..., Any], given: Mapping[str, object], key: str, *, partial: bool
) -> list[Problem]:
    """Arguments that `target` does not take, and those it needs and does not get."""
    parameters = _parameters(target)
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    named = {n for n, p in parameters.items() if p.kind not in _FLEXIBLE}
    problems = []
    for name, value in given.items():
        if name not in named and not open_ended:
            hint = nearest(name, named)
            expected = f"an argument that {target.__qualname__} takes"
            problems.append(Problem(_join(key, name), value, expected, hint))
        elif value == MISSING:
            problems.append(_missing(_join(key, name)))
    if not partial:
        problems += [
            _missing(_join(key, name))
            for name in named
            if name not in given and parameters[name].default is inspect.Parameter.empty
        ]
    return problems


def check_value(hint: object, value: object, key: str) -> tuple[object, list[Problem]]:
    """`value` as `hint` wants it (a list becomes a tuple, a string a path), or what is wrong."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    wanted = [p for p in (typing.get_args(hint) if union else (hint,)) if p is not type(None)]
    if value is not None and all(getattr(part, "_is_protocol", False) for part in wanted):
        names = " or ".join(part.__name__ for part in wanted)
        return value, [Problem(key, value, f"a {names}", "give it a _target_")]
    adapter = _adapter(hint)
    if adapter is None:
        return value, []
    try:
        return adapter.validate_json(json.dumps(value), strict=True), []
    except ValidationError as error:
        return value, _problems(error, value, key)
    except TypeError:  # not plain data: a hint that only an object can satisfy
        return value, [Problem(key, value, f"an object of type {hint}", "give it a _target_")]


def hints(target: Callable[..., Any]) -> dict[str, object]:
    """The type hints of the arguments of `target`; empty where they cannot be read."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return dict(typing.get_type_hints(function, include_extras=True))
    except (NameError, TypeError, AttributeError):
        return {}


def _parameters(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):  # some builtins have no signature
        return {"kwargs": inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD)}


@functools.cache
def _cached_adapter(hint: Any) -> TypeAdapter[Any] | None:
    try:
        return TypeAdapter(hint)
    except PydanticUserError:
        pass
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except (PydanticUserError, SchemaError, TypeError):
        return None  # a hint that only an object built by a _target_ can satisfy


def _adapter(hint: object) -> TypeAdapter[Any] | None:
    if hint is None or getattr(hint, "_is_protocol", False) or typing.get_origin(hint) is Callable:
        return None
    try:
        return _cached_adapter(hint)
    except TypeError:  # an unhashable hint
        return None


def _problems(error: ValidationError, value: object, key: str) -> list[Problem]:
    """One problem for each place; the branches of a union are joined by "or"."""
    places: dict[str, tuple[object, list[str]]] = {}
    for item in error.errors():
        index = ".".join(str(part) for part in item["loc"] if isinstance(part, int))
        expected = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        shown = item.get("input", value)
        places.setdefault(_join(key, index), (shown, []))[1].append(expected)
    return [
        Problem(place, shown, " or ".join(dict.fromkeys(wanted)))
        for place, (shown, wanted) in places.items()
    ]


def _missing(key: str) -> Problem:
    return Problem(key, "(missing)", "a value", f"give it: {key}=…")


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)
