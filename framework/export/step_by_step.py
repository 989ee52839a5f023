"""The programs by which a language model writes, held against what the run says of whole rows."""

from typing import Any

import numpy as np

from framework.artifact import Artifact
from framework.artifact.artifact import DECODE, PREFILL
from framework.artifact.generation import empty_cache
from framework.export.parity import Difference
from framework.export.subject import Subject

ROWS = 8


def decoded(artifact: Artifact, subject: Subject) -> Difference | None:
    """Reads the first documents of some rows: half as a prompt, the rest token by token.

    None where the model does not write.
    """
    if DECODE not in artifact.programs:
        return None
    part = subject.compared[0]
    count = min(ROWS, len(part.source))
    batch = part.source.gather(np.arange(count))
    tokens, labels = np.asarray(batch["inputs"]["tokens"]), np.asarray(batch["labels"])
    first = (np.asarray(batch["inputs"]["segments"]) == 1) & (labels >= 0)
    length = int(first.sum(axis=1).min())  # each row's first document is at least as long
    found = _log_likelihoods(artifact, tokens[:, :length], labels[:, :length])
    run = part.found.predictions["log_likelihood"][:count, length - found.shape[1] : length]
    run = run.astype(np.float64)
    off = np.abs(run - found) / np.maximum(1, np.abs(run))
    row, place = np.unravel_index(int(off.argmax()), off.shape)
    return Difference(
        count, float(off[row, place]), "log_likelihood", part.split, int(row),
        float(run[row, place]), float(found[row, place]), {},
    )  # fmt: skip


def _log_likelihoods(artifact: Artifact, tokens: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Float64 [rows, n], of the last n labels, each after the tokens up to its place."""
    count, length = tokens.shape
    start = (length + 1) // 2
    cache = empty_cache(artifact.about["language"]["cache"], count, length)
    lengths = np.full(count, start, np.int32)
    inputs: dict[str, Any] = {"tokens": tokens[:, :start].astype(np.int32), "lengths": lengths}
    found = artifact.programs[PREFILL](artifact.weights, {**inputs, **cache})
    said = []
    for place in range(start - 1, length):
        said.append(_chosen(np.asarray(found["logits"], np.float64), labels[:, place]))
        if place + 1 < length:
            held = {name: found[name] for name in cache}
            positions = np.full(count, place + 1, np.int32)
            inputs = {"tokens": tokens[:, place + 1].astype(np.int32), "positions": positions}
            found = artifact.programs[DECODE](artifact.weights, {**inputs, **held})
    return np.stack(said, axis=1)


def _chosen(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Log of the softmax at each label."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    chosen = shifted[np.arange(len(labels)), labels]
    return np.asarray(chosen - np.log(np.exp(shifted).sum(axis=1)))
