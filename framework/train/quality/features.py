"""A few numbers for each example, without a model: what the looks at data compare."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from framework.data import Data
from framework.spec import Field

SIDE = 14
HASHED = 256
WIDEST = 1024
ONE_HOT = 32

Kind = Literal["images", "text", "table", "numbers"]


@dataclass(frozen=True)
class Features:
    """How examples become vectors.

    Attributes:
        kind: of the examples.
        described: in words.
        of: raw inputs of a batch to float32 [b, width].
    """

    kind: Kind
    described: str
    of: Callable[[Any], np.ndarray]


def simple_features(data: Data) -> Features:
    """What suits the data's inputs.

    - Images: the grey image's mean over a grid of at most 14×14.
    - Text: square roots of the shares of its tokens, by their number modulo 256.
    - A table: numbers standardised by a sample of the training rows, 0 where missing, with a mark
      for each column that has missing ones; a 0/1 column for each category, or one of its share
      where a column has more than 32.
    - Other arrays: as they are, or 256 random projections where they have more than 1,024 numbers.
    """
    kind = kind_of(data)
    if kind == "images":
        return Features(kind, f"grey thumbnails of at most {SIDE}×{SIDE}", thumbnails)
    if kind == "text":
        return Features(kind, f"shares of tokens, by number modulo {HASHED}", token_shares)
    if kind == "table":
        described = "standardised numbers, and categories as columns of 0 and 1"
        return Features(kind, described, _of_table(data))
    return Features(kind, "the inputs' own numbers", _numbers)


def kind_of(data: Data) -> Kind:
    """What the inputs are."""
    inputs = data.spec.inputs
    if isinstance(inputs, Field):
        if inputs.names or inputs.vocabulary:
            return "numbers"
        return "images" if len(inputs.shape) == 3 else "numbers"
    if "tokens" in inputs:
        return "text"
    return "table" if {"numeric", "categorical"} <= inputs.keys() else "numbers"


def thumbnails(images: np.ndarray) -> np.ndarray:
    """float32 [b, cells] of images [b, h, w] or [b, h, w, c]."""
    array = np.asarray(images)
    grey = array.reshape(*array.shape[:3], -1).mean(axis=-1, dtype=np.float32)
    for axis in (1, 2):
        size = grey.shape[axis]
        edges = np.linspace(0, size, min(size, SIDE) + 1).astype(np.int64)
        shape = [1, 1, 1]
        shape[axis] = -1
        widths = np.diff(edges).reshape(shape).astype(np.float32)
        grey = np.add.reduceat(grey, edges[:-1], axis=axis) / widths
    return np.asarray(grey.reshape(len(grey), -1), np.float32)


def token_shares(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
    """float32 [b, 256]: square roots, so that distances are Hellinger's."""
    tokens = np.asarray(inputs["tokens"])
    counted = np.asarray(inputs["segments"]) > 0
    rows = np.broadcast_to(np.arange(len(tokens))[:, None], tokens.shape)
    cells = (rows * HASHED + tokens % HASHED)[counted]
    counts = np.bincount(cells, minlength=len(tokens) * HASHED).reshape(len(tokens), HASHED)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return np.asarray(np.sqrt(shares), np.float32)


def standardised(numbers: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Numbers [b, columns] in deviations of their column, NaN where missing."""
    return np.asarray((numbers - mean) / std, np.float32)


def moments(data: Data) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the numeric columns in (a sample of) the training rows."""
    train = data.splits["train"]
    places = np.linspace(0, len(train) - 1, min(len(train), 100_000)).astype(np.int64)
    numbers = np.asarray(train.gather(places)["inputs"]["numeric"], np.float64)
    there = np.isfinite(numbers)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, numbers, 0).sum(axis=0) / count
    variance = np.where(there, (numbers - mean) ** 2, 0).sum(axis=0) / count
    std = np.sqrt(variance)
    return mean, np.where(std > 0, std, 1.0)


def _of_table(data: Data) -> Callable[[Any], np.ndarray]:
    mean, std = moments(data)
    fields = data.spec.inputs
    assert isinstance(fields, Mapping)
    sizes = fields["categorical"].vocabulary
    train = data.splits["train"]
    places = np.linspace(0, len(train) - 1, min(len(train), 100_000)).astype(np.int64)
    codes = np.asarray(train.gather(places)["inputs"]["categorical"])
    shares = [np.bincount(codes[:, c], minlength=s) / len(codes) for c, s in enumerate(sizes)]

    def rows(inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        numbers = standardised(np.asarray(inputs["numeric"]), mean, std)
        missing = ~np.isfinite(numbers)
        parts = [np.where(missing, 0, numbers), missing]
        for column, size in enumerate(sizes):
            codes = np.asarray(inputs["categorical"])[:, column]
            if size <= ONE_HOT:
                parts.append(np.eye(size, dtype=np.float32)[codes])
            else:
                parts.append(shares[column][codes][:, None])
        return np.concatenate(parts, axis=1).astype(np.float32)

    return rows


def _numbers(inputs: Any) -> np.ndarray:
    arrays = list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]
    flat = [np.asarray(array, np.float32).reshape(len(array), -1) for array in arrays]
    rows = np.concatenate(flat, axis=1)
    if rows.shape[1] <= WIDEST:
        return rows
    planes = np.random.default_rng(0).standard_normal((rows.shape[1], HASHED), np.float32)
    return np.asarray(rows @ planes / np.sqrt(rows.shape[1]), np.float32)
