"""What the columns of a table are, learned from its training rows alone, and rows as arrays."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from framework.config import InvalidConfig, Problem
from framework.data.table_file import require_columns


@dataclass(frozen=True)
class Choices:
    """What the user says about the columns; see `framework.data.table` for the meaning of each."""

    label: tuple[str, ...]
    kind: Literal["class", "multi_label", "number"]
    classes: tuple[str, ...] | None
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    drop: tuple[str, ...]
    key: str | None
    max_categories: int
    fill: Literal["mean", "median"]


@dataclass(frozen=True)
class Columns:
    """The feature columns in order; the categories of each categorical one, in index order."""

    numeric: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]
    classes: tuple[str, ...]
    fill: tuple[float, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    indicators: tuple[int, ...]

    def json(self) -> dict[str, Any]:
        """JSON values, from which `from_json` makes the same."""
        return {**asdict(self), "categories": {k: list(v) for k, v in self.categories.items()}}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Columns":
        """The inverse of `json`."""
        made = {k: tuple(v) for k, v in values.items() if k != "categories"}
        return cls(categories={k: tuple(v) for k, v in values["categories"].items()}, **made)


def learn(
    table: Any, rows: np.ndarray, classes: tuple[str, ...], choices: Choices, path: Path
) -> Columns:
    """The columns of a pyarrow Table, from its training `rows`; `classes` as `classes_of` gives.

    Text, dictionaries and booleans are categories, numbers are numeric, unless `choices` says
    otherwise. A category that only other rows have is unknown: index 0, as a missing one.
    """
    for key in ("numeric", "categorical", "drop"):
        require_columns(key, getattr(choices, key), table, path)
    train = table.take(rows)
    names = _features(table, choices)
    if not names:
        raise InvalidConfig(Problem("path", path, "a column besides the labels and those dropped"))
    numeric = tuple(name for name in names if _is_numeric(train, name, choices))
    columns = {name: numbers(train, name, path) for name in numeric}
    categories = {name: _categories(train, name, choices) for name in names if name not in numeric}
    for name, values in columns.items():
        if np.isnan(values).all():
            hint = "name it in `drop`"
            raise InvalidConfig(Problem("numeric", name, "a value in some training row", hint))
    middle = np.nanmean if choices.fill == "mean" else np.nanmedian
    fill = {name: float(middle(values)) for name, values in columns.items()}
    filled = {n: np.where(np.isnan(v), fill[n], v) for n, v in columns.items()}
    return Columns(
        numeric=numeric,
        categories=categories,
        classes=classes,
        fill=tuple(fill.values()),
        mean=tuple(float(values.mean()) for values in filled.values()),
        std=tuple(float(values.std()) or 1.0 for values in filled.values()),
        indicators=tuple(i for i, name in enumerate(numeric) if np.isnan(columns[name]).any()),
    )


def same_columns(table: Any, columns: Columns, choices: Choices, path: Path) -> None:
    """InvalidConfig that names each column that is missing, or that `columns` does not have."""
    known, there = [*columns.numeric, *columns.categories], _features(table, choices)
    problems = [
        Problem(name, "(missing)", f"a column of {path}, as the training data have")
        for name in known
        if name not in there
    ]
    problems += [
        Problem(name, "a column", f"none of that name in {path}", "the training data have none")
        for name in there
        if name not in known
    ]
    if problems:
        raise InvalidConfig(*problems)


def encode(table: Any, columns: Columns, choices: Choices, path: Path) -> dict[str, np.ndarray]:
    """`numeric` float32 [n, …] with NaN where missing, `categorical` int32 [n, …], `labels`."""
    require_columns("path", (*columns.numeric, *columns.categories), table, path)
    count = table.num_rows
    numeric = [numbers(table, name, path).astype(np.float32) for name in columns.numeric]
    categorical = [_positions(table, n, names) + 1 for n, names in columns.categories.items()]
    return {
        "numeric": np.stack(numeric, axis=1) if numeric else np.zeros((count, 0), np.float32),
        "categorical": (
            np.stack(categorical, axis=1) if categorical else np.zeros((count, 0), np.int32)
        ),
        "labels": encode_labels(table, columns.classes, choices, path),
    }


def encode_labels(table: Any, classes: tuple[str, ...], choices: Choices, path: Path) -> np.ndarray:
    """Int32 [n] classes, or float32 [n, labels] of 0 and 1 or of numbers. None may be missing."""
    require_columns("label", choices.label, table, path)
    if choices.kind == "class":
        (name,) = choices.label
        found = _positions(table, name, classes)
        wrong, expected = np.asarray(found < 0), f"one of the classes {', '.join(classes[:20])}"
    else:
        found = np.stack([numbers(table, name, path) for name in choices.label], axis=1)
        if choices.kind == "multi_label":
            wrong, expected = np.asarray((~np.isin(found, (0, 1))).any(axis=1)), "0 or 1"
        else:
            wrong, expected = np.asarray(np.isnan(found).any(axis=1)), "a number"
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        values = ", ".join(str(table[name][row].as_py()) for name in choices.label)
        hint = f"row {row} of {path} has {values} ({int(wrong.sum())} such rows)"
        raise InvalidConfig(
            Problem("label", ",".join(choices.label), f"{expected} in each row", hint)
        )
    return found.astype(np.int32 if choices.kind == "class" else np.float32)


def numbers(table: Any, name: str, path: Path) -> np.ndarray:
    """A column as float64 [n], NaN where missing."""
    import pyarrow as pa

    column = table[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int8())
        values = column.cast(pa.float64(), safe=False).to_numpy()
    except pa.ArrowException as error:
        hint = f"{path}: {str(error).splitlines()[0]}; name it in `categorical` or `drop`"
        raise InvalidConfig(Problem("numeric", name, "a column of numbers", hint)) from error
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0])
        hint = f"row {row} of {path} is infinite"
        raise InvalidConfig(Problem("numeric", name, "finite or missing numbers", hint))
    return np.asarray(values)


def _features(table: Any, choices: Choices) -> list[str]:
    """The columns but for labels, key and those dropped."""
    left_out = {*choices.label, *choices.drop, *([choices.key] if choices.key else [])}
    return [name for name in table.column_names if name not in left_out]


def _is_numeric(table: Any, name: str, choices: Choices) -> bool:
    import pyarrow as pa

    kind = table[name].type
    if name in choices.numeric or name in choices.categorical:
        return name in choices.numeric
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return True
    text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary)
    if any(test(kind) for test in (*text, pa.types.is_boolean)):
        return False
    expected = f"numbers, text or booleans, not {kind}"
    raise InvalidConfig(Problem("path", name, expected, "name it in `drop`"))


def _text(table: Any, name: str) -> Any:
    """A column as strings; whole numbers are written without a point, whatever their type."""
    import pyarrow as pa

    column = table[name]
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        values = column.drop_null().to_numpy()
        if (values == np.floor(values)).all():
            column = column.cast(pa.int64(), safe=False)
    return column.cast(pa.string()).combine_chunks()


def _sorted(names: list[str]) -> tuple[str, ...]:
    """In the order of the numbers where all are numbers, else alphabetical."""
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))


def _categories(table: Any, name: str, choices: Choices) -> tuple[str, ...]:
    found = [value for value in _text(table, name).unique().to_pylist() if value is not None]
    if len(found) > choices.max_categories:
        expected = f"at most {choices.max_categories} categories in a column, not {len(found)}"
        hint = "name it in `drop` or `numeric`, or raise max_categories"
        raise InvalidConfig(Problem("categorical", name, expected, hint))
    return _sorted(found)


def _positions(table: Any, name: str, names: tuple[str, ...]) -> np.ndarray:
    """Int32 [n], place of each value in `names`; -1 where missing or not there."""
    import pyarrow as pa
    import pyarrow.compute as pc

    places = pc.index_in(_text(table, name), value_set=pa.array(names, pa.string()))
    return np.asarray(places.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)


def classes_of(table: Any, choices: Choices, path: Path) -> tuple[str, ...]:
    """Names of the classes, from all rows of the training file, or of the columns to predict."""
    require_columns("label", choices.label, table, path)
    if choices.kind != "class":
        return choices.label
    if len(choices.label) > 1:
        expected = "one column where kind is class"
        hint = "kind=multi_label or kind=number take several"
        raise InvalidConfig(Problem("label", ",".join(choices.label), expected, hint))
    (name,) = choices.label
    found = [value for value in _text(table, name).unique().to_pylist() if value is not None]
    if choices.classes is not None:
        return choices.classes
    if not 2 <= len(found) <= choices.max_categories:
        expected = f"2 to {choices.max_categories} classes in {path}, not {len(found)}"
        raise InvalidConfig(Problem("label", name, expected, "kind=number predicts a number"))
    return _sorted(found)
