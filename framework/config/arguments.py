"""Checks the arguments of one `_target_` against its signature, before it is called."""

import collections.abc
import dataclasses
import functools
import importlib
import inspect
import json
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import SchemaError

from framework.config.problem import InvalidConfig, Problem, nearest

MISSING = "???"
# Kinds of pydantic's errors at members of a union that no YAML can say (arrays, complex numbers).
_NOT_PLAIN = ("needs_python_object", "complex_type", "complex_str_parsing", "is_instance_of")
# What pydantic puts around what it expected.
_SAID = re.compile(r"^(Input should be|Value error,|(Tuple|List) should have) | after validation")
_COLLECTIONS = (collections.abc.Mapping, collections.abc.Sequence)
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
    parameters = parameters_of(target)
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    named = [n for n, p in parameters.items() if p.kind not in _FLEXIBLE]
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
    wanted = alternatives(hint)
    objects = [name for part in wanted if (name := _object_name(part))]
    if wanted and len(objects) == len(wanted):
        if value is None and is_optional(hint):
            return None, []
        return value, [Problem(key, value, an(" or ".join(objects)), "give it a _target_")]
    item = item_hint(hint)
    kinds = [name for part in alternatives(item) if (name := _object_name(part))]
    if kinds and isinstance(value, list):
        pairs = [check_value(item, part, f"{key}.{i}") for i, part in enumerate(value)]
        return tuple(part for part, _ in pairs), [p for _, found in pairs for p in found]
    if kinds and value is not None:
        return value, [Problem(key, value, f"a list, each {an(' or '.join(kinds))}")]
    adapter = _adapter(hint)
    if adapter is None:
        return value, []
    try:
        return adapter.validate_json(json.dumps(value), strict=True), []
    except ValidationError as error:
        return value, _problems(error, value, key)
    except TypeError:  # not plain data: a hint that only an object can satisfy
        return value, [Problem(key, value, f"an object of type {hint}", "give it a _target_")]


def alternatives(hint: object) -> tuple[Any, ...]:
    """The members of a union but None; else the hint itself."""
    if hint is None or hint is Any:
        return ()
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    parts = typing.get_args(hint) if union else (hint,)
    return tuple(part for part in parts if part is not type(None))


def is_optional(hint: object) -> bool:
    """Whether None is one of the members of a union."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return union and type(None) in typing.get_args(hint)


def item_hint(hint: object) -> object:
    """The hint of the items of `tuple[X, ...]`, `list[X]`, `Mapping[str, X]`; None without one."""
    for part in alternatives(hint):
        arguments = typing.get_args(part)
        if typing.get_origin(part) is tuple and arguments[1:] == (...,):
            return typing.cast("object", arguments[0])
        origin = typing.get_origin(part)
        collection = inspect.isclass(origin) and issubclass(origin, _COLLECTIONS)
        if collection and origin is not tuple and arguments:
            return typing.cast("object", arguments[-1])
    return None


def dataclass_of(hint: object) -> Callable[..., Any] | None:
    """The dataclass among the alternatives, where there is exactly one."""
    found = [part for part in alternatives(hint) if dataclasses.is_dataclass(part)]
    return typing.cast("Callable[..., Any]", found[0]) if len(found) == 1 else None


def hints(target: Callable[..., Any]) -> dict[str, object]:
    """The type hints of the arguments of `target`; empty where they cannot be read."""
    function = target.__init__ if inspect.isclass(target) else target
    try:
        return dict(typing.get_type_hints(function, include_extras=True))
    except (NameError, TypeError, AttributeError):
        return {}


def parameters_of(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The parameters that a call of `target` takes, by name."""
    try:
        # A metaclass may hide the constructor's own signature, as that of Flax's modules does.
        if inspect.isclass(target) and target.__init__ is not object.__init__:
            named = list(inspect.signature(target.__init__).parameters.items())
            return dict(named[1:])  # without self
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
    if hint is None:
        return None
    try:
        return _cached_adapter(hint)
    except TypeError:  # an unhashable hint
        return None


def _object_name(hint: object) -> str | None:
    """What to call an object that no plain data can be: only a `_target_` gives one."""
    if getattr(hint, "_is_protocol", False):
        return str(getattr(hint, "__name__", hint))
    callables = (Callable, collections.abc.Callable)
    return "function" if hint in callables or typing.get_origin(hint) in callables else None


def _problems(error: ValidationError, value: object, key: str) -> list[Problem]:
    """One problem for each place; the branches of a union are joined by "or"."""
    places: dict[str, tuple[object, list[str]]] = {}
    found = error.errors()
    plain = [item for item in found if item["type"] not in _NOT_PLAIN]
    for item in plain or found:
        expected = _SAID.sub("", item["msg"])
        if item["type"] in _NOT_PLAIN:
            expected = "an object that a _target_ gives"
        place, shown = _place(value, item["loc"])
        places.setdefault(_join(key, place), (shown, []))[1].append(expected)
    return [
        Problem(place, shown, " or ".join(dict.fromkeys(wanted)))
        for place, (shown, wanted) in places.items()
    ]


def _place(value: Any, location: tuple[int | str, ...]) -> tuple[str, object]:
    """Where in `value` a problem is, and what is there; a location also names union members."""
    parts = []
    for part in location:
        inside = isinstance(value, Mapping) and part in value
        if inside or (isinstance(value, list) and part in range(len(value))):
            parts.append(str(part))
            value = value[part]
    return ".".join(parts), value


def _missing(key: str) -> Problem:
    return Problem(key, "(missing)", "a value", f"give it: {key}=…")


def _join(*parts: str) -> str:
    return ".".join(part for part in parts if part)


def an(name: str) -> str:
    """The name after its article."""
    return f"{'an' if name[0] in 'AEIOUaeiou' else 'a'} {name}"
