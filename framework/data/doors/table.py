"""Tables in Parquet or CSV files: numeric and categorical columns, with missing values."""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

import numpy as np

from framework.config import Fraction, InvalidConfig, NonNegativeInt, PositiveInt, Problem, nearest
from framework.data.augment import Augmentation
from framework.data.cache import cache_directory, prepared
from framework.data.columns import (
    Choices,
    Columns,
    classes_of,
    encode,
    encode_labels,
    learn,
    same_columns,
)
from framework.data.dataset import Data
from framework.data.files import existing, read_bytes
from framework.data.fingerprint import fingerprint
from framework.data.preprocess import Table
from framework.data.source import ArraySource
from framework.data.splits import divide
from framework.data.table_file import join_labels, parse_table
from framework.spec import Field, Labels, Spec


def table(
    path: str,
    *,
    label: str | tuple[str, ...],
    batch_size: PositiveInt,
    kind: Literal["class", "multi_label", "number"] = "class",
    classes: tuple[str, ...] | None = None,
    files: Mapping[str, str] | None = None,
    label_files: Mapping[str, str] | None = None,
    key: str | None = None,
    numeric: tuple[str, ...] = (),
    categorical: tuple[str, ...] = (),
    drop: tuple[str, ...] = (),
    missing: tuple[str, ...] = (),
    fill: Literal["mean", "median"] = "median",
    max_categories: PositiveInt = 1000,
    validation_fraction: Fraction = 0.1,
    test_fraction: Fraction = 0.2,
    split_seed: NonNegativeInt = 0,
    learned: Mapping[str, Any] | None = None,
    augmentations: tuple[Augmentation, ...] = (),
    workers: NonNegativeInt = 0,
    cache: str | None = None,
) -> Data:
    """A file `path`, or a folder with `files`: split name to file name, `train` among them.

    A `validation` or `test` split that has no file is a seeded fraction of the training file
    (stratified where `kind` is class). `label_files` names files with the labels of a split,
    joined by the column `key`, or row by row. Text, dictionary and boolean columns are categories,
    numbers are numeric; `numeric` and `categorical` say otherwise, `drop` leaves columns out.
    In text files the strings in `missing` mark missing values, besides the usual ones. Missing
    numbers are filled by the training rows' mean or median, and marked in a column of their own.
    `learned` are the columns of other data (`Data.learned`), by which these are read: their
    categories, means and fillings; all of those columns must be there, and no other.
    """
    folder, names = _files(path, files)
    read = {split: (folder / name, read_bytes(folder / name)) for split, name in names.items()}
    apart = _label_files(folder, names, label_files or {})
    labels = (label,) if isinstance(label, str) else label
    choices = Choices(labels, kind, classes, numeric, categorical, drop, key, max_categories, fill)
    shares = {"validation": validation_fraction, "test": test_fraction}
    fractions = {split: share for split, share in shares.items() if split not in names}
    decisions = {**asdict(choices), "fractions": fractions, "seed": split_seed, "missing": missing}
    if learned is not None:
        decisions["learned"] = learned
    digests = {
        f"{part}/{split}": hashlib.sha256(content).hexdigest()
        for part, files_read in (("rows", read), ("labels", apart))
        for split, (_, content) in files_read.items()
    }
    found = prepared(
        "table",
        {"version": 1, "files": digests, **decisions},
        cache_directory(cache),
        lambda: _arrays(
            _parsed(read, apart, choices, missing), choices, fractions, split_seed, learned
        ),
    )
    columns = Columns.from_json(found.notes["columns"])
    return Data(
        name=Path(path).stem,
        spec=_spec(columns, kind),
        splits=_sources(Path(path).stem, found.arrays),
        # The same numbers may stand for other categories.
        fingerprint=fingerprint(found.digests, {**decisions, "columns": found.notes["columns"]}),
        batch_size=batch_size,
        preprocess=_preprocess(columns),
        augmentations=augmentations,
        workers=workers,
        categories=columns.categories,
        learned={"learned": columns.json()},
    )


def _files(path: str, files: Mapping[str, str] | None) -> tuple[Path, dict[str, str]]:
    found = existing(path, "path")
    if found.is_file():
        if files:
            raise InvalidConfig(Problem("path", path, "a folder, as `files` names files in it"))
        return found.parent, {"train": found.name}
    if not files or "train" not in files:
        expected = "a file for the `train` split, as path is a folder"
        raise InvalidConfig(Problem("files", files, expected, "or let path be one file"))
    for name in files.values():
        existing(str(found / name), "file", "files")
    return found, dict(files)


def _label_files(
    folder: Path, names: Mapping[str, str], label_files: Mapping[str, str]
) -> dict[str, tuple[Path, bytes]]:
    found = {}
    for split, name in label_files.items():
        if split not in names:
            expected = f"labels of a split that has a file: {', '.join(names)}"
            raise InvalidConfig(Problem("label_files", split, expected, nearest(split, names)))
        path = existing(str(folder / name), "file", "label_files")
        found[split] = (path, read_bytes(path, "label_files"))
    return found


def _parsed(
    read: Mapping[str, tuple[Path, bytes]],
    apart: Mapping[str, tuple[Path, bytes]],
    choices: Choices,
    missing: tuple[str, ...],
) -> dict[str, tuple[Path, Any]]:
    """For each split its path and its pyarrow Table, labels joined."""
    tables = {}
    for split, (path, content) in read.items():
        rows = parse_table(path, content, missing)
        if split in apart:
            label_path, label_content = apart[split]
            labels = parse_table(label_path, label_content, missing)
            rows = join_labels(rows, path, labels, label_path, choices.label, choices.key)
        tables[split] = (path, rows)
    return tables


def _arrays(
    tables: Mapping[str, tuple[Path, Any]],
    choices: Choices,
    fractions: dict[str, float],
    seed: int,
    learned: Mapping[str, Any] | None,
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """`split/array` for each split, and the columns that were learned from the training rows."""
    path, whole = tables["train"]
    known = None if learned is None else _known(learned, whole, choices, path)
    classes = classes_of(whole, choices, path) if known is None else known.classes
    labels = encode_labels(whole, classes, choices, path)
    strata = labels if choices.kind == "class" else None
    parts = divide(whole.num_rows, fractions, seed=seed, classes=strata)
    columns = known or learn(whole, parts["train"], classes, choices, path)
    encoded = encode(whole, columns, choices, path)
    splits = {part: {k: v[rows] for k, v in encoded.items()} for part, rows in parts.items()}
    for split, (file, rows) in tables.items():
        if split != "train":
            splits[split] = encode(rows, columns, choices, file)
    arrays = {f"{s}-{name}": array for s, found in splits.items() for name, array in found.items()}
    return arrays, {"columns": columns.json()}


def _known(learned: Mapping[str, Any], table: Any, choices: Choices, path: Path) -> Columns:
    """The columns of other data, which the table must have, and no other."""
    try:
        columns = Columns.from_json(learned)
    except (KeyError, TypeError, AttributeError) as error:
        expected = "the columns of a data set, as its `Data.learned` has them"
        raise InvalidConfig(Problem("learned", learned, expected, str(error))) from error
    same_columns(table, columns, choices, path)
    return columns


def _sources(name: str, arrays: Mapping[str, np.ndarray]) -> dict[str, ArraySource]:
    splits = [key.removesuffix("-labels") for key in arrays if key.endswith("-labels")]
    return {
        split: ArraySource(
            f"{name}/{split}",
            {kind: arrays[f"{split}-{kind}"] for kind in ("numeric", "categorical")},
            arrays[f"{split}-labels"],
        )
        for split in splits
    }


def _preprocess(columns: Columns) -> Table:
    fill, mean, std = (
        np.asarray(values, np.float32) for values in (columns.fill, columns.mean, columns.std)
    )
    return Table(fill, mean, std, columns.indicators)


def _spec(columns: Columns, kind: Literal["class", "multi_label", "number"]) -> Spec:
    marks = tuple(f"{columns.numeric[i]} is missing" for i in columns.indicators)
    names = (*columns.numeric, *marks)
    sizes = tuple(len(names) + 1 for names in columns.categories.values())
    return Spec(
        inputs={
            "numeric": Field((len(names),), "float32", names=names),
            "categorical": Field(
                (len(sizes),), "int32", vocabulary=sizes, names=tuple(columns.categories)
            ),
        },
        labels=Labels(kind, columns.classes),
    )
