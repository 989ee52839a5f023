"""What a data set's inputs and labels are like: inferred once, kept, held against other data."""

import functools
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
from pydantic import TypeAdapter

from framework.config import NonNegativeFloat
from framework.data.dataset import Data
from framework.data.source import ArraySource, Source, Subset
from framework.spec import Field, Labels

IN_MEMORY_EXAMPLES = 100_000
IN_MEMORY_BYTES = 2**27
ELSEWHERE_EXAMPLES = 64
"""Examples that are looked at, evenly over the split: decoding files costs milliseconds each."""


@dataclass(frozen=True)
class Column:
    """One column of a table, or one input array.

    Attributes:
        kind: `number`; `category` (an index, 0 for missing or unknown); `token`.
        dtype: of the raw values, before preprocessing.
        shape: of an example's values; () for a column of a table.
        low: the smallest value; None where there is none.
        high: the largest.
        missing: share of values that are NaN or infinite, or of indices that are 0.
        categories: names of the indices 1, 2, …
        vocabulary: number of indices or tokens; 0 for numbers.
    """

    kind: Literal["number", "category", "token"]
    dtype: str
    shape: tuple[int, ...]
    low: float | None
    high: float | None
    missing: float
    categories: tuple[str, ...] = ()
    vocabulary: int = 0


@dataclass(frozen=True)
class Schema:
    """What data must be like.

    Attributes:
        columns: by name.
        labels: kind, and names of the classes or of the numbers.
        shares: of each class (or of 1, for each of several labels) in the training split.
        targets: range of each number to predict.
        files: SHA-256 of what the data keep to be read by, such as a tokenizer, by file name.
        examples: how many of the training split were looked at.
        fingerprint: of the data it was inferred from.
        margin: how far beyond [low, high] a value may lie, in units of high − low.
        missing_margin: how much larger than `missing` a share may be, besides chance.
    """

    columns: Mapping[str, Column]
    labels: Labels
    shares: tuple[float, ...]
    targets: Mapping[str, Column]
    examples: int
    fingerprint: str
    files: Mapping[str, str] = field(default_factory=dict)
    margin: NonNegativeFloat = 0.1
    missing_margin: NonNegativeFloat = 0.05

    def json(self) -> dict[str, Any]:
        """JSON values, from which `from_json` makes the same."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Schema":
        """The inverse of `json`.

        Raises:
            ValueError: `values` are none of a schema; it says where.
        """
        return _adapter().validate_python(values)


@dataclass(frozen=True)
class Measured:
    """What `Schema` says of columns and labels, of some split."""

    columns: Mapping[str, Column]
    targets: Mapping[str, Column] = field(default_factory=dict)
    shares: tuple[float, ...] = ()
    examples: int = 0


def infer(data: Data) -> Schema:
    """The schema of `data`, ranges and shares from its training split.

    Of a split in memory up to 100,000 examples and 128 MB of inputs are looked at, of others 64,
    evenly spaced: the start of a run does not wait for it.
    """
    found = measure(data, "train")
    return Schema(
        found.columns, data.spec.labels, found.shares, found.targets, found.examples,
        data.fingerprint, file_digests(data),
    )  # fmt: skip


def file_digests(data: Data) -> dict[str, str]:
    """SHA-256 of each of the data's files, by name."""
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in data.files.items()}


def measure(data: Data, split: str) -> Measured:
    """What the columns of one split hold; of an empty one only what they are."""
    source = data.splits[split]
    places = _looked_at(source)
    batch = source.gather(places) if len(places) else _nothing(data)
    labels = np.asarray(batch["labels"])
    about = data.spec.labels
    columns = dict(_columns(batch["inputs"], data))
    if about.kind == "number":
        targets = {
            name: _number(values)
            for name, values in zip(about.names, labels.reshape(len(places), -1).T, strict=True)
        }
        return Measured(columns, targets, examples=len(places))
    return Measured(columns, shares=_shares(labels, about), examples=len(places))


def _shares(labels: np.ndarray, about: Labels) -> tuple[float, ...]:
    if about.kind == "token" or not len(labels):
        return ()
    if about.kind == "class":
        counts = np.bincount(labels, minlength=about.width)
    else:
        counts = labels.sum(axis=0)
    return tuple(float(count / len(labels)) for count in counts)


def _looked_at(source: Source) -> np.ndarray:
    total = len(source)
    inner = source
    while isinstance(inner, Subset):
        inner = inner.source
    limit = ELSEWHERE_EXAMPLES
    if isinstance(inner, ArraySource) and total:
        arrays = inner.inputs.values() if isinstance(inner.inputs, Mapping) else [inner.inputs]
        each = sum(array.nbytes // max(len(array), 1) for array in arrays)
        limit = max(min(IN_MEMORY_EXAMPLES, IN_MEMORY_BYTES // max(each, 1)), 1)
    return np.linspace(0, max(total - 1, 0), min(total, limit)).astype(np.int64)


def _nothing(data: Data) -> dict[str, Any]:
    """A batch without examples, of the types of the first split that has some."""
    some = next((source for source in data.splits.values() if len(source)), None)
    if some is None:
        return {"inputs": {}, "labels": np.zeros((0, data.spec.labels.width), np.float32)}
    batch = some.gather(np.zeros(1, np.int64))
    inputs = batch["inputs"]
    if isinstance(inputs, Mapping):
        return {"inputs": {k: v[:0] for k, v in inputs.items()}, "labels": batch["labels"][:0]}
    return {"inputs": inputs[:0], "labels": batch["labels"][:0]}


def _columns(inputs: Any, data: Data) -> Iterator[tuple[str, Column]]:
    """The columns of tables by their own names, whole arrays by the inputs' names."""
    if not isinstance(inputs, Mapping):
        inputs = {"inputs": inputs}
    for name, array in inputs.items():
        fields = data.spec.inputs
        about = fields.get(name) if isinstance(fields, Mapping) else fields
        array = np.asarray(array)
        if about is None or not about.names or array.ndim != 2:
            yield name, _array(array, about)
            continue
        # Marks of missing values are columns of the preprocessed array alone.
        for place, title in enumerate(about.names[: array.shape[1]]):
            if about.vocabulary:
                names = data.categories.get(title, ())
                yield title, _category(array[:, place], names, about.vocabulary[place])
            else:
                yield title, _number(array[:, place])


def _array(array: np.ndarray, about: Field | None) -> Column:
    size = about.vocabulary[0] if about is not None and about.vocabulary else 0
    found = _number(array.reshape(-1))
    kind: Literal["number", "token"] = "token" if size else "number"
    return Column(
        kind, array.dtype.name, array.shape[1:], found.low, found.high, found.missing,
        vocabulary=size,
    )  # fmt: skip


def _category(values: np.ndarray, names: tuple[str, ...], size: int) -> Column:
    missing = float((values == 0).mean()) if len(values) else 0.0
    low, high = _range(values)
    return Column("category", values.dtype.name, (), low, high, missing, tuple(names), size)


def _number(values: np.ndarray) -> Column:
    missing = 0.0
    if values.dtype.kind not in "iub" and len(values):
        finite = np.isfinite(values)
        if not finite.all():
            missing = float(1 - finite.mean())
            values = values[finite]
    low, high = _range(values)
    return Column("number", values.dtype.name, (), low, high, missing)


def _range(values: np.ndarray) -> tuple[float | None, float | None]:
    return (float(values.min()), float(values.max())) if len(values) else (None, None)


@functools.cache
def _adapter() -> TypeAdapter[Schema]:
    return TypeAdapter(Schema)
