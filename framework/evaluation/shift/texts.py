"""Corruptions of rows of tokens at five strengths.

Each takes a batch with `inputs` (`tokens`, `positions`, `segments` [n, length]), `labels` and the
strength 1 to 5, and a generator. Labels follow the tokens: what is predicted is the text as it is.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Batch = Mapping[str, Any]
Corruption = Callable[[Batch, int, np.random.Generator], dict[str, Any]]


def noise(batch: Batch, strength: int, random: np.random.Generator) -> dict[str, Any]:
    """2 to 10 % of the tokens are others of the same batch; the labels stay, so that only what
    is read is disturbed.
    """
    inputs = dict(batch["inputs"])
    tokens, segments = inputs["tokens"].copy(), inputs["segments"]
    hit = (random.random(tokens.shape) < 0.02 * strength) & (segments > 0)
    pool = tokens[segments > 0]
    tokens[hit] = pool[random.integers(0, len(pool), int(hit.sum()))]
    return {**batch, "inputs": {**inputs, "tokens": tokens}}


def truncation(batch: Batch, strength: int, random: np.random.Generator) -> dict[str, Any]:
    """The first 10 to 90 % of each row's context are forgotten: what is left begins anew."""
    del random
    inputs = dict(batch["inputs"])
    length = inputs["tokens"].shape[1]
    start = round((0.1, 0.3, 0.5, 0.7, 0.9)[strength - 1] * length)
    segments, labels = inputs["segments"].copy(), np.array(batch["labels"])
    segments[:, :start] = 0
    labels[:, :start] = -1
    first = np.maximum.accumulate(np.where(inputs["positions"] == 0, np.arange(length), 0), axis=1)
    positions = np.arange(length) - np.maximum(first, start)
    positions = np.where(segments > 0, positions, 0).astype(inputs["positions"].dtype)
    return {
        **batch,
        "inputs": {**inputs, "segments": segments, "positions": positions},
        "labels": labels,
    }


TEXTS: dict[str, Corruption] = {"character noise": noise, "truncation": truncation}
