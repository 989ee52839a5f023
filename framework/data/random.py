"""Random numbers that are a function of a key, for a whole batch of keys at once.

A key is an unsigned 64-bit number. The same key gives the same number in any batch, process or
worker, and after a resume: nothing is drawn from a stream. The mixing function is SplitMix64
(Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

import numpy as np

Keys = np.ndarray
"""[b] uint64, one for each example."""

_GAMMA = 0x9E3779B97F4A7C15
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def fold(keys: Keys, value: int | np.ndarray) -> Keys:
    """New keys, one for each of `keys` and `value` (a number, or one for each key)."""
    if isinstance(value, np.ndarray):
        mixed = (value.astype(np.uint64) + np.uint64(1)) * np.uint64(_GAMMA)
        mixed = mixed + keys
    else:
        mixed = keys + np.uint64((value + 1) * _GAMMA % 2**64)
    mixed ^= mixed >> np.uint64(30)
    mixed *= _FIRST
    mixed ^= mixed >> np.uint64(27)
    mixed *= _SECOND
    mixed ^= mixed >> np.uint64(31)
    return mixed


def example_keys(seed: int, epochs: np.ndarray, indices: np.ndarray) -> Keys:
    """A key for each example, from the seed, its epoch and its place in the split ([b] each)."""
    root = fold(np.zeros(1, np.uint64), seed % 2**64)
    return fold(fold(root, epochs), indices)


def uniform(keys: Keys, draw: int = 0) -> np.ndarray:
    """Float64 [b] in [0, 1). Another `draw` is another, independent number of the same key."""
    return np.asarray((fold(keys, draw) >> np.uint64(11)) * 2.0**-53)


def integers(keys: Keys, low: int, high: int, draw: int = 0) -> np.ndarray:
    """Int64 [b], uniform over low, …, high - 1."""
    return np.asarray(low + np.floor(uniform(keys, draw) * (high - low)).astype(np.int64))
