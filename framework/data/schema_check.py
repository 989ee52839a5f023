"""Data held against a schema: what no model of it could read, and what it has not seen before."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from framework.config import InvalidConfig, Problem
from framework.data.dataset import Data
from framework.data.schema import Column, Measured, Schema, file_digests, measure
from framework.spec import Labels

_SHOWN = 8


def read_schema(path: Path, key: str) -> Schema:
    """The schema in a file.

    Raises:
        InvalidConfig: there is none, or it cannot be read; it names `key`.
    """
    expected = "a schema, as `python -m experiments.check_data schema=PATH` writes it"
    try:
        return Schema.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise InvalidConfig(Problem(key, path, expected, error.strerror or str(error))) from error
    except ValidationError as error:
        first = error.errors()[0]
        hint = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise InvalidConfig(Problem(key, path, expected, hint)) from error
    except ValueError as error:
        raise InvalidConfig(Problem(key, path, expected, str(error))) from error


def violations(schema: Schema, data: Data) -> list[Problem]:
    """What makes the data another kind: each column added, removed or of another type or shape,
    each whose categories or vocabulary are not the same (an index would mean something else),
    another tokenizer, and classes that are not the same. The key is `data.<column>`.
    """
    return [
        *_of_columns(schema.columns, measure(data, "train").columns),
        *_of_labels(schema.labels, data.spec.labels),
        *_of_files(schema.files, file_digests(data)),
    ]


def departures(schema: Schema, data: Data, split: str = "train") -> list[Problem]:
    """What the values of a split do that those of the schema do not.

    Values beyond [low, high] by more than `margin` · (high − low); a share of missing values (or
    of categories that are not known) larger by more than `missing_margin` and what chance explains
    in so few examples (three standard errors); classes of which there is no example. Columns that
    are not of one kind in both are `violations`, and left out here.
    """
    found = measure(data, split)
    problems: list[Problem] = []
    for known, there in ((schema.columns, found.columns), (schema.targets, found.targets)):
        for name in known:
            if name in there and _described(known[name]) == _described(there[name]):
                problems += _missing(name, known[name], there[name], schema, found.examples, split)
                problems += _out_of_range(name, known[name], there[name], schema, split)
    return problems + _absent_classes(schema, data.spec.labels, found, split)


def _of_columns(known: Mapping[str, Column], there: Mapping[str, Column]) -> Iterator[Problem]:
    for name, column in known.items():
        key = f"data.{name}"
        if name not in there:
            yield Problem(key, "(missing)", f"a column: {_described(column)}")
        elif _described(column) != _described(there[name]):
            yield Problem(key, _described(there[name]), _described(column))
        elif column.categories != there[name].categories:
            yield _other_names(key, column.categories, there[name].categories, "categories")
    for name in there:
        if name not in known:
            yield Problem(f"data.{name}", _described(there[name]), "no such column", "leave it out")


def _of_labels(known: Labels, there: Labels) -> Iterator[Problem]:
    if known.kind != there.kind:
        yield Problem("data.label", there.kind, f"labels of kind {known.kind}")
    elif known.names != there.names:
        what = "classes" if known.kind == "class" else "labels"
        yield _other_names("data.label", known.names, there.names, what)
    elif known.count != there.count:
        yield Problem("data.label", f"{there.count} tokens", f"{known.count} tokens")


def _of_files(known: Mapping[str, str], there: Mapping[str, str]) -> Iterator[Problem]:
    for name, digest in known.items():
        if there.get(name, digest) != digest:
            hint = "it was made from other text: a token would mean something else"
            yield Problem(f"data.{name}", there[name][:12], f"the file with {digest[:12]}", hint)


def _described(column: Column) -> str:
    """Type and shape; categories are compared by their names, where they have some."""
    shape = f" of {'×'.join(map(str, column.shape))}" if column.shape else ""
    size = f" of {column.vocabulary}" if column.vocabulary and not column.categories else ""
    return f"{column.kind}{size} ({column.dtype}{shape})"


def _other_names(key: str, known: Sequence[str], there: Sequence[str], what: str) -> Problem:
    new = [name for name in there if name not in known]
    gone = [name for name in known if name not in there]
    said = [f"never seen: {_listed(new)}"] if new else []
    said += [f"absent: {_listed(gone)}"] if gone else []
    value = "; ".join(said) or f"in another order: {_listed(there)}"
    return Problem(key, value, f"the {what} {_listed(known)}", "their numbers follow from the list")


def _missing(
    name: str, known: Column, there: Column, schema: Schema, examples: int, split: str
) -> Iterator[Problem]:
    share = min(known.missing + schema.missing_margin, 1.0)
    most = share + 3 * math.sqrt(share * (1 - share) / max(examples, 1))
    if there.missing > most:
        what = "missing or unknown" if known.kind == "category" else "missing"
        expected, hint = f"at most {most:.1%}", f"in the split {split}"
        yield Problem(f"data.{name}", f"{there.missing:.1%} {what}", expected, hint)


def _out_of_range(
    name: str, known: Column, there: Column, schema: Schema, split: str
) -> Iterator[Problem]:
    if known.kind != "number" or known.low is None or known.high is None:
        return
    if there.low is None or there.high is None:
        return
    room = schema.margin * (known.high - known.low)
    low, high = known.low - room, known.high + room
    if there.low < low - _rounding(low) or there.high > high + _rounding(high):
        expected = f"values from {known.low:g} to {known.high:g}, or {room:g} beyond"
        yield Problem(
            f"data.{name}", f"{there.low:g} to {there.high:g}", expected, f"in the split {split}"
        )


def _rounding(value: float) -> float:
    """Values are read as float32."""
    return 1e-6 * math.fabs(value)


def _absent_classes(schema: Schema, labels: Labels, found: Measured, split: str) -> list[Problem]:
    if labels.kind != "class" or labels.names != schema.labels.names or not found.examples:
        return []
    gone = [
        name
        for name, before, now in zip(labels.names, schema.shares, found.shares, strict=False)
        if before > 0 and now == 0
    ]
    if not gone:
        return []
    expected = f"examples of every class of the training split, in the split {split}"
    return [Problem("data.label", f"none of {_listed(gone)}", expected)]


def _listed(names: Sequence[str]) -> str:
    more = f", … ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
