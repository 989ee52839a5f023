"""Near duplicates among vectors, such as thumbnails of images: cosine similarity."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.checks import matrix
from framework.stats.quality.banding import WINDOW, Pairs, no_pairs, similar_pairs

COSINE = 0.99
TABLES = 16


def near_vectors(
    vectors: ArrayLike,
    threshold: float = COSINE,
    *,
    tables: int = TABLES,
    window: int = WINDOW,
    seed: int = 0,
) -> Pairs:
    """Pairs of rows whose cosine is at least `threshold`.

    Signatures are signs of random projections (Charikar, STOC 2002) of the rows, which are
    centred for that by their mean, so that a crowd around one direction is told apart; about
    log₂(rows / 4) signs a table. What is returned has been compared itself: there are no false
    pairs, while a pair may be missed. Rows of zeros or with numbers that are not finite are like
    nothing.

    Args:
        vectors: [rows, width].

    Raises:
        ValueError: no vectors, or a threshold outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"the least cosine must be in (0, 1], not {threshold}")
    found = np.asarray(vectors)
    if found.ndim == 2 and len(found) < 2:
        return no_pairs()
    rows = _unit(found)
    there = np.flatnonzero(rows.any(axis=1))
    if len(there) < 2:
        return no_pairs()
    rows = rows[there]
    random = np.random.default_rng(seed)
    signatures = _signatures(rows, tables, random)
    orders = rows @ random.standard_normal((rows.shape[1], tables), np.float32)

    def cosine(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.asarray(np.einsum("nd,nd->n", rows[a], rows[b]), np.float64)

    pairs = similar_pairs(signatures, orders, cosine, threshold - 1e-6, window=window)
    similarity = np.minimum(pairs.similarity, 1.0)
    return Pairs(there[pairs.first], there[pairs.second], similarity, pairs.complete)


def _unit(vectors: NDArray[np.generic]) -> NDArray[np.float32]:
    rows = matrix(vectors[:1], "vectors") if vectors.ndim == 2 else matrix(vectors, "vectors")
    del rows  # only its refusals are wanted: float64 would double the memory
    scaled = vectors.astype(np.float32)
    scaled[~np.isfinite(scaled).all(axis=1)] = 0
    largest = np.abs(scaled).max(axis=1, keepdims=True)
    scaled /= np.where(largest > 0, largest, 1)
    length = np.sqrt(np.einsum("nd,nd->n", scaled, scaled))[:, None]
    return np.asarray(scaled / np.where(length > 0, length, 1), np.float32)


def _signatures(
    rows: NDArray[np.float32], tables: int, random: np.random.Generator
) -> NDArray[np.uint64]:
    """uint64 [rows, tables]."""
    signs = min(max(math.ceil(math.log2(len(rows) / 4)), 2), 32)
    powers = np.uint64(1) << np.arange(signs, dtype=np.uint64)
    middle = rows.mean(axis=0)
    found = np.empty((len(rows), tables), np.uint64)
    for table in range(tables):
        planes = random.standard_normal((rows.shape[1], signs), np.float32)
        found[:, table] = (rows @ planes > middle @ planes) @ powers
    return found
