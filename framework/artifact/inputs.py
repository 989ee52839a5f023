"""From what a client gives to the arrays that the program takes, with every mistake named."""

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.artifact.errors import InvalidInput
from framework.artifact.signature import TEXT, Input, Signature

Arrays = dict[str, np.ndarray]
_SHOWN = 8


def encode(signature: Signature, batch: Any) -> Arrays:
    """The program's arguments, each [batch, …].

    Args:
        batch: a mapping of names to arrays or lists, or where there is one input only its array.

    Raises:
        InvalidInput: every name, shape, type and value that is not as the signature says.
    """
    given = _named(signature, batch)
    arrays: Arrays = {}
    problems = _names(signature, given)
    for name, field in signature.inputs.items():
        if name in given:
            try:
                arrays[name] = _array(name, field, given[name])
            except InvalidInput as error:
                problems.append(str(error))
    lengths = {name: len(array) for name, array in arrays.items()}
    if not problems and len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in list(lengths.items())[:_SHOWN])
        problems.append(f"expected as many examples of each, got {told}")
    if not problems and 0 in lengths.values():
        problems.append("the batch is empty: expected at least one example")
    if problems:
        raise refused(problems, signature)
    return {
        argument: np.stack([arrays[n] for n in made.inputs], axis=1).astype(made.dtype)
        if made.stacked
        else arrays[made.inputs[0]]
        for argument, made in signature.arguments.items()
    }


def refused(problems: list[str], signature: Signature) -> InvalidInput:
    """All problems in one message, which ends with what the signature wants."""
    more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
    wanted = "; ".join(f"{n}: {f.words()}" for n, f in list(signature.inputs.items())[:_SHOWN])
    left = len(signature.inputs) - _SHOWN
    wanted += f"; and {left} more" if left > 0 else ""
    return InvalidInput("\n".join([*problems[:_SHOWN], *more, f"The signature wants {wanted}."]))


def _named(signature: Signature, batch: Any) -> Mapping[str, Any]:
    if isinstance(batch, Mapping):
        return batch
    if len(signature.inputs) == 1:
        (name,) = signature.inputs
        return {name: batch}
    given = type(batch).__name__
    raise refused([f"expected a mapping of names to arrays, got {given}"], signature)


def _names(signature: Signature, given: Mapping[str, Any]) -> list[str]:
    problems = []
    for name in given:
        if name not in signature.inputs:
            near = difflib.get_close_matches(str(name), signature.inputs, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            problems.append(f"{name!r}: no input of that name{hint}")
    absent = [name for name in signature.inputs if name not in given]
    return problems + [f"{name!r}: missing" for name in absent]


def _array(name: str, field: Input, value: Any) -> np.ndarray:
    if field.dtype == TEXT:
        return _categories(name, field, value)
    try:
        array = np.asarray(value)
    except ValueError:
        raise _unlike(name, field, "rows of different lengths") from None
    wanted = len(field.shape) + 1
    fits = array.ndim == wanted and all(
        want in (None, have) for want, have in zip(field.shape, array.shape[1:], strict=True)
    )
    if not fits:
        hint = ""
        if array.shape == field.shape:
            hint = "; a single example is a batch of one: x[None]"
        raise _unlike(name, field, f"shape {list(array.shape)}{hint}")
    if np.issubdtype(np.dtype(field.dtype), np.floating):
        return _numbers(name, field, array)
    return _integers(name, field, array)


def _numbers(name: str, field: Input, array: np.ndarray) -> np.ndarray:
    if array.dtype == object and field.missing:
        array = np.frompyfunc(lambda one: np.nan if one is None else one, 1, 1)(array)
    try:
        numbers = array.astype(field.dtype) if array.dtype.kind in "fiubO" else None
    except (TypeError, ValueError):
        numbers = None
    if numbers is None:
        raise _unlike(name, field, f"type {_type(array)}")
    whole = np.isfinite(numbers)
    if not whole.all():
        wrong = ~whole & ~np.isnan(numbers) if field.missing else ~whole
        if wrong.any():
            raise _unlike(name, field, f"{numbers[wrong][0]} {_place(wrong)}")
    return _in_range(name, field, numbers)


def _integers(name: str, field: Input, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "iub":
        hint = ""
        if array.dtype.kind == "f":
            whole = np.isfinite(array).all() and (array == np.floor(array)).all()
            as_it_is = f"; its values are whole: .astype({field.dtype!r})"
            hint = as_it_is if whole else "; give the raw values, not scaled ones"
        raise _unlike(name, field, f"type {_type(array)}{hint}")
    if array.dtype != field.dtype:
        limits = np.iinfo(np.dtype(field.dtype))
        beyond = (array < limits.min) | (array > limits.max)
        if beyond.any():
            raise _unlike(name, field, f"the value {array[beyond][0]} {_place(beyond)}")
    return _in_range(name, field, array.astype(field.dtype, copy=False))


def _in_range(name: str, field: Input, array: np.ndarray) -> np.ndarray:
    if field.range is None or not array.size:
        return array
    low, high = field.range
    if array.min() < low or array.max() > high:
        beyond = (array < low) | (array > high)
        raise _unlike(name, field, f"the value {array[beyond][0]} {_place(beyond)}")
    return array


def _categories(name: str, field: Input, value: Any) -> np.ndarray:
    """Indices int32 [n] into the categories, from 1; 0 for what is missing or not known."""
    array = np.asarray(value, object)
    if array.ndim != 1:
        raise _unlike(name, field, f"shape {list(array.shape)}")
    places = {category: i + 1 for i, category in enumerate(field.categories)}
    found = np.empty(len(array), np.int32)
    for row, one in enumerate(array.tolist()):
        text = category_text(one)
        if text is not None and not isinstance(text, str):
            raise _unlike(name, field, f"{one!r} in row {row}")
        found[row] = places.get(text, 0) if text is not None else 0
    return found


def category_text(value: Any) -> Any:
    """A category as training wrote it: whole numbers without a point, true and false in small
    letters; None where it is missing, and the value itself where it is no category.
    """
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else str(value)
    return str(value) if isinstance(value, str | int | np.integer) else value


def _unlike(name: str, field: Input, found: str) -> InvalidInput:
    return InvalidInput(f"{name!r}: expected {field.words()}, got {found}")


def _type(array: np.ndarray) -> str:
    return "text" if array.dtype.kind in "US" else str(array.dtype)


def _place(wrong: np.ndarray) -> str:
    first = np.argwhere(wrong)[0].tolist()
    return f"in example {first[0]}" + (f" at {first[1:]}" if first[1:] else "")
