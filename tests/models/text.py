"""Packed sequences of tokens, and the description of such data."""

import numpy as np

from framework.spec import Field

VOCABULARY = 11


def fields(length=12, vocabulary=VOCABULARY):
    return {
        "tokens": Field((length,), "int32", vocabulary=(vocabulary,)),
        "positions": Field((length,), "int32"),
        "segments": Field((length,), "int32"),
    }


def packed(*rows, length=12, vocabulary=VOCABULARY, seed=0):
    """Random tokens; each row is given by the lengths of its segments, the rest is padding."""
    shape = (len(rows), length)
    tokens = np.random.default_rng(seed).integers(0, vocabulary, shape, np.int32)
    positions, segments = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    for row, sizes in enumerate(rows):
        start = 0
        for number, size in enumerate(sizes, 1):
            positions[row, start : start + size] = np.arange(size)
            segments[row, start : start + size] = number
            start += size
    return {"tokens": tokens, "positions": positions, "segments": segments}
