"""Near duplicates among rows of tokens: Jaccard similarity of their shingles, by MinHash."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from framework.stats.quality.banding import WINDOW, Pairs, no_pairs, similar_pairs

JACCARD = 0.8
SHINGLE = 9
BANDS, EACH = 20, 4
_AT_ONCE = 4096
_ODD = np.uint64(0x9E3779B97F4A7C15)


def near_texts(
    tokens: ArrayLike,
    mask: ArrayLike | None = None,
    threshold: float = JACCARD,
    *,
    shingle: int = SHINGLE,
    window: int = WINDOW,
    seed: int = 0,
) -> Pairs:
    """Pairs of rows that share much of their `shingle` consecutive tokens.

    The similarity is |A ∩ B| / |A ∪ B| of the rows' sets of shingles, computed for each pair that
    agrees in a band: 20 bands of four minima of hash functions (Broder, SEQUENCES 1997), which a
    pair of similarity s does with probability 1 − (1 − s⁴)²⁰: 0.99998 at 0.8, 0.35 at 0.38.
    Hashes have 64 bits: two shingles are one by chance with probability 5e-20. A row shorter than
    a shingle is like nothing.

    Args:
        tokens: integers [rows, length].
        mask: [rows, length], true where a token counts.

    Raises:
        ValueError: tokens that are not integers [rows, length], a mask of another shape, or a
            threshold outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"the least similarity must be in (0, 1], not {threshold}")
    found, whole = window_hashes(tokens, mask, shingle)
    hashes, sizes = _sets(found, whole)
    there = np.flatnonzero(sizes)
    if len(there) < 2:
        return no_pairs()
    hashes, sizes = hashes[there], sizes[there]
    minima = _minima(hashes, sizes, seed)
    bands = _mixed(minima.reshape(len(there), BANDS, EACH))

    def jaccard(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.float64]:
        both = np.sort(np.concatenate([hashes[a], hashes[b]], axis=1), axis=1)
        shared = (both[:, 1:] == both[:, :-1]).sum(axis=1)
        return np.asarray(shared / (sizes[a] + sizes[b] - shared), np.float64)

    # Rows of one band are put in the order of the next one's minima.
    orders = np.roll(minima.reshape(len(there), BANDS, EACH)[:, :, 0], 1, axis=1)
    pairs = similar_pairs(bands, orders, jaccard, threshold, window=window)
    return Pairs(there[pairs.first], there[pairs.second], pairs.similarity, pairs.complete)


def window_hashes(
    tokens: ArrayLike, mask: ArrayLike | None, length: int
) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """A hash of each `length` consecutive tokens, uint64 [rows, places], and whether all count.

    Raises:
        ValueError: tokens that are not integers [rows, places], or a mask of another shape.
    """
    rows = np.asarray(tokens)
    counted = np.ones(rows.shape, bool) if mask is None else np.asarray(mask).astype(bool)
    if rows.ndim != 2 or rows.dtype.kind not in "iu":
        raise ValueError(f"tokens must be integers [rows, length], not {rows.dtype} {rows.shape}")
    if counted.shape != rows.shape:
        raise ValueError(f"tokens are {rows.shape} but their mask is {counted.shape}")
    places = max(rows.shape[1] - length + 1, 0)
    found = np.zeros((len(rows), places), np.uint64)
    whole = np.ones((len(rows), places), bool)
    for offset in range(length if places else 0):
        found = _scrambled(found * _ODD + rows[:, offset : offset + places].astype(np.uint64))
        whole &= counted[:, offset : offset + places]
    return found, whole


def _sets(
    found: NDArray[np.uint64], whole: NDArray[np.bool_]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Each row's different shingles, uint64 [rows, places], and their number.

    Places that are over hold numbers that no other row has, so that they are shared with none.
    """
    found = np.where(whole, found, np.uint64(0))
    found.sort(axis=1)
    over = np.zeros(found.shape, bool)
    over[:, 1:] = found[:, 1:] == found[:, :-1]
    over |= found == 0
    numbers = np.arange(found.size, dtype=np.uint64).reshape(found.shape)
    found[over] = _scrambled(numbers[over] + np.uint64(2**63))
    # The sort above is over, so those that count stand first for the minima below.
    places_of = np.argsort(over, axis=1, kind="stable")
    return np.take_along_axis(found, places_of, axis=1), (~over).sum(axis=1)


def _minima(hashes: NDArray[np.uint64], sizes: NDArray[np.int64], seed: int) -> NDArray[np.uint64]:
    """uint64 [rows, BANDS · EACH]: the smallest of each function of a row's shingles."""
    keys = np.random.default_rng(seed).integers(0, 2**64, BANDS * EACH, np.uint64)
    found = np.empty((len(hashes), BANDS * EACH), np.uint64)
    over = np.arange(hashes.shape[1]) >= sizes[:, None]
    for start in range(0, len(hashes), _AT_ONCE):
        part, hidden = hashes[start : start + _AT_ONCE], over[start : start + _AT_ONCE]
        for place, key in enumerate(keys):
            # Multiplying by an odd number and adding is a permutation of the 64-bit numbers.
            values = (part ^ key) * (key | np.uint64(1))
            values[hidden] = np.uint64(2**64 - 1)
            found[start : start + _AT_ONCE, place] = values.min(axis=1)
    return found


def _mixed(bands: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One number for each band, uint64 [rows, bands]."""
    found = np.zeros(bands.shape[:2], np.uint64)
    for place in range(bands.shape[2]):
        found = _scrambled(found * _ODD + bands[:, :, place])
    return found


def _scrambled(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    x = numbers + _ODD
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(x ^ (x >> np.uint64(31)))
