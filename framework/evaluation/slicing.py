"""Which slices an evaluation looks at: columns of the inputs, the label, or a user's function."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from framework.config import InvalidConfig, Problem, nearest
from framework.evaluation.columns import Columns, input_columns
from framework.spec import Spec
from framework.stats.slices import Slicing

LABEL = "label"
MOST = 40  # values of a column that are slices of their own; the rest are `other`
QUARTERS = ("lowest quarter", "second quarter", "third quarter", "highest quarter")

Batch = Mapping[str, Any]


def slicings(
    asked: Sequence[str],
    batches: Iterable[Batch],
    spec: Spec,
    categories: Mapping[str, tuple[str, ...]] | None = None,
) -> list[Slicing]:
    """One for each name that is asked for.

    A name is a column (of categories: each value; of numbers: its quarters in these examples),
    `label` (the true class), or a function `package.module.function` that is given a batch and
    returns the name of each example's slice, [b].

    Args:
        asked: names.
        batches: raw `inputs` and `labels`, of all examples together.

    Raises:
        InvalidConfig: a column that is not there, a function that cannot be imported or does not
            give a name for each example; the key is relative to `slices`.
    """
    if not asked:
        return []
    parts = [slice_values(asked, batch, spec, categories) for batch in batches]
    found = []
    for name in asked:
        values = np.concatenate([np.asarray(part[name]) for part in parts])
        if name == LABEL and spec.labels.kind == "class":
            found.append(Slicing(LABEL, values.astype(np.int64), tuple(spec.labels.names)))
        else:
            found.append(of_column(name.rpartition(".")[2], values))
    return found


def slice_values(
    asked: Sequence[str],
    batch: Batch,
    spec: Spec,
    categories: Mapping[str, tuple[str, ...]] | None = None,
) -> dict[str, np.ndarray]:
    """What divides the examples of one batch, [b] by name; raises as `slicings` does."""
    columns = input_columns(batch["inputs"], spec, categories)
    problems: list[Problem] = []
    found: dict[str, np.ndarray] = {}
    for place, name in enumerate(asked):
        try:
            found[name] = _values(name, batch, spec, columns)
        except InvalidConfig as error:
            problems += error.under(str(place)).problems
    if problems:
        raise InvalidConfig(*problems)
    return found


def _values(name: str, batch: Batch, spec: Spec, columns: Columns) -> np.ndarray:
    if name == LABEL and spec.labels.kind == "class":
        labels = np.asarray(batch["labels"])
        return labels.argmax(axis=1) if labels.ndim == 2 else labels
    if name in columns:
        return columns[name]
    if "." in name:
        return _called(name, batch)
    expected = "a column, label or a function's full name"
    raise InvalidConfig(Problem("", name, expected, nearest(name, [*columns, LABEL])))


def of_column(name: str, values: Any) -> Slicing:
    """Slices of one column [n]; missing values (None, NaN) are in none."""
    array = np.asarray(values)
    if array.dtype.kind == "f" and len(np.unique(array[np.isfinite(array)])) > MOST:
        known = np.isfinite(array)
        edges = np.unique(np.quantile(array[known], (0.25, 0.5, 0.75)))
        codes = np.where(known, np.searchsorted(edges, array, side="left"), -1)
        return Slicing(name, codes.astype(np.int64), QUARTERS[: len(edges) + 1])
    present = np.array([v is not None and v == v for v in array.tolist()], bool)
    texts = np.array([_text(v) for v in array.tolist()], object)
    values_, counts = np.unique(texts[present].astype(str), return_counts=True)
    names = [str(v) for v in values_[np.argsort(-counts, kind="stable")]]
    kept = names if len(names) <= MOST else [*names[: MOST - 1], "other"]
    code = {text: min(i, len(kept) - 1) for i, text in enumerate(names)}
    codes = np.array([code[t] if p else -1 for t, p in zip(texts, present, strict=True)], np.int64)
    return Slicing(name, codes, tuple(kept))


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _called(name: str, batch: Batch) -> np.ndarray:
    module, _, attribute = name.rpartition(".")
    try:
        function: Callable[[Batch], Any] = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InvalidConfig(
            Problem("", name, "a function that can be imported", str(error))
        ) from error
    values = np.asarray(function(batch))
    if values.shape != (len(batch["labels"]),):
        expected = f"a function that gives a name for each of the {len(batch['labels'])} examples"
        raise InvalidConfig(Problem("", name, expected, f"it gives shape {values.shape}"))
    return values
