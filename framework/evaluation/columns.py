"""The inputs and embeddings of examples as named columns, which drift and slices are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.spec import Field, Spec
from framework.stats.drift import image_features, text_features

Columns = dict[str, NDArray[Any]]
MOST = 64  # columns of an array or an embedding
_BYTES = 257  # a vocabulary that small is one of bytes


def input_columns(
    inputs: Any, spec: Spec, categories: Mapping[str, tuple[str, ...]] | None = None
) -> Columns:
    """Columns [n] by name, of raw inputs as a data set's `gather` gives them.

    A table's own columns (categories by their names, None where one is missing or unknown);
    features of images and of texts (`framework.stats.drift`); of other arrays their first 64
    numbers.
    """
    if isinstance(inputs, Mapping):
        if "tokens" in inputs:
            return _of_text(inputs, spec)
        return _of_table(inputs, spec, categories or {})
    array = np.asarray(inputs)
    if _is_images(array, spec):
        return {f"image {name}": values for name, values in image_features(array).items()}
    rows = array.reshape(len(array), -1)[:, :MOST]
    names = spec.inputs.names if isinstance(spec.inputs, Field) else ()
    named = names if len(names) >= rows.shape[1] else [f"input {i}" for i in range(rows.shape[1])]
    return {str(name): rows[:, i] for i, name in enumerate(named[: rows.shape[1]])}


def _is_images(array: np.ndarray, spec: Spec) -> bool:
    if isinstance(spec.inputs, Field) and spec.inputs.vocabulary:
        return False
    return array.ndim in (3, 4) and min(array.shape[1:3]) >= 3


def _of_text(inputs: Mapping[str, Any], spec: Spec) -> Columns:
    tokens = np.asarray(inputs["tokens"])
    mask = np.asarray(inputs["segments"]) > 0 if "segments" in inputs else None
    found = text_features(tokens, mask, characters=spec.labels.width <= _BYTES)
    return {f"text {name}": values for name, values in found.items()}


def _of_table(
    inputs: Mapping[str, Any], spec: Spec, categories: Mapping[str, tuple[str, ...]]
) -> Columns:
    columns: Columns = {}
    fields = spec.inputs if isinstance(spec.inputs, Mapping) else {}
    for part, array in inputs.items():
        rows = np.asarray(array).reshape(len(array), -1)
        field = fields.get(part)
        # Preprocessing adds columns that tell what is missing: names may be more than columns.
        names = field.names[: rows.shape[1]] if field is not None else ()
        if len(names) < rows.shape[1]:
            names = tuple(f"{part} {i}" for i in range(rows.shape[1]))
        for i, name in enumerate(names):
            if field is not None and field.vocabulary and name in categories:
                known = np.array([None, *categories[name]], object)
                columns[name] = known[rows[:, i]]
            else:
                columns[name] = rows[:, i]
    return columns


@dataclass(frozen=True, eq=False)
class Basis:
    """The directions in which the reference's embeddings vary most.

    Attributes:
        mean: float32 [width].
        directions: float32 [width, k], orthonormal, k at most 64.
    """

    mean: NDArray[np.float32]
    directions: NDArray[np.float32]

    @classmethod
    def of(cls, embeddings: NDArray[np.floating], most: int = MOST) -> "Basis":
        """Principal components of embeddings [n, width]; a narrow embedding keeps its own axes."""
        rows = np.asarray(embeddings, np.float64)
        mean = rows.mean(axis=0)
        if rows.shape[1] <= most:
            return cls(mean.astype(np.float32), np.eye(rows.shape[1], dtype=np.float32))
        _, directions = np.linalg.eigh(np.cov(rows - mean, rowvar=False))
        return cls(mean.astype(np.float32), directions[:, ::-1][:, :most].astype(np.float32))

    def project(self, embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
        """Float32 [n, k]."""
        centred = np.asarray(embeddings, np.float32) - self.mean
        return np.asarray(centred @ self.directions, np.float32)

    def columns(self, embeddings: NDArray[np.floating]) -> Columns:
        """The projections by name."""
        rows = self.project(embeddings)
        return {f"embedding {i}": rows[:, i] for i in range(rows.shape[1])}
