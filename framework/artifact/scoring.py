"""Texts to the arrays of a language model's program, and what it says of each text."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.artifact.errors import InvalidInput
from framework.artifact.text import Tokenizer

Arrays = dict[str, np.ndarray]
_SHORTEST = 64


def encode_texts(
    batch: Any, language: Mapping[str, Any], tokenizer: Tokenizer | None
) -> tuple[Arrays, np.ndarray]:
    """`tokens`, `positions`, `segments` and `labels` int32 [n, length], and tokens of each text.

    Each text is a document: the end token stands before it. Lengths are filled up to a power of
    two, or the model's context.

    Raises:
        InvalidInput: there is no text, one is too long, or a token is not in the vocabulary.
    """
    rows = token_rows(batch, language, tokenizer)
    lengths = np.asarray([len(row) for row in rows], np.int64)
    context, end = language["context"], language["end"]
    if lengths.max() > context:
        longest = int(lengths.argmax())
        raise InvalidInput(
            f"text {longest}: expected at most {context} tokens, got {lengths[longest]}; divide it"
        )
    width = size_of(int(lengths.max()), context)
    tokens, labels = np.full((2, len(rows), width), end, np.int32)
    labels[:] = -1
    for place, ids in enumerate(rows):
        tokens[place, 1 : len(ids)] = ids[:-1]
        labels[place, : len(ids)] = ids
    places = np.arange(width, dtype=np.int32)
    segments = (places < lengths[:, None]).astype(np.int32)
    positions = np.broadcast_to(places, tokens.shape).copy()
    arrays = {"tokens": tokens, "positions": positions, "segments": segments, "labels": labels}
    return arrays, lengths


def token_rows(
    batch: Any, language: Mapping[str, Any], tokenizer: Tokenizer | None
) -> list[list[int]]:
    """Token ids of each text, one at least.

    Raises:
        InvalidInput: the batch is neither `text` nor `tokens`, or not as those must be.
    """
    wanted = f"text: strings, or tokens: lists of ids from 0 to {language['vocabulary'] - 1}"
    if not isinstance(batch, Mapping):
        batch = {"text": batch}
    if len(batch) != 1 or next(iter(batch)) not in ("text", "tokens"):
        raise InvalidInput(f"expected {wanted}; got {', '.join(map(repr, batch)) or 'nothing'}")
    ((name, given),) = batch.items()
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, Sequence | np.ndarray):
        raise InvalidInput(f"expected {wanted}; got {type(given).__name__}")
    given = list(given)
    if not given:
        raise InvalidInput(f"the batch is empty: expected {wanted}")
    if name == "tokens":
        return [_ids(row, place, language) for place, row in enumerate(given)]
    if tokenizer is None:
        raise InvalidInput("'text': this model's tokenizer is its own code's; give `tokens`")
    rows = []
    for place, text in enumerate(given):
        if not isinstance(text, str):
            hint = '; token ids are given as {"tokens": [[…]]}'
            kind = type(text).__name__
            raise InvalidInput(f"text {place}: expected a string, got {kind}{hint}")
        if not text:
            raise InvalidInput(f"text {place}: expected at least one character")
        rows.append(tokenizer.encode(text))
    return rows


def size_of(length: int, context: int) -> int:
    """The next power of two from 64 on, at most the context: few sizes are compiled."""
    size = _SHORTEST
    while size < length:
        size *= 2
    return min(size, context)


def per_text(found: Mapping[str, np.ndarray], arguments: Arrays, lengths: np.ndarray) -> Arrays:
    """Of each text: `log_likelihood` in nats and `tokens`, its `embedding`, and of each of its
    tokens `token_log_likelihood` and `token_confidence`, NaN behind its end.
    """
    there = arguments["labels"] >= 0
    each = np.where(there, found["log_likelihood"], np.nan)
    told = {
        "log_likelihood": np.where(there, found["log_likelihood"], 0).sum(axis=1),
        "tokens": lengths,
        "token_log_likelihood": each,
        "token_confidence": np.where(there, found["confidence"], np.nan),
    }
    return told | ({"embedding": found["embedding"]} if "embedding" in found else {})


def _ids(row: Sequence[int], place: int, language: Mapping[str, Any]) -> list[int]:
    array = np.asarray(row)
    if array.ndim != 1 or array.dtype.kind not in "iu" or not len(array):
        raise InvalidInput(f"tokens {place}: expected a list of at least one whole number")
    wrong = (array < 0) | (array >= language["vocabulary"])
    if wrong.any():
        expected = f"ids from 0 to {language['vocabulary'] - 1}"
        raise InvalidInput(f"tokens {place}: expected {expected}, got {array[wrong][0]}")
    found: list[int] = array.tolist()
    return found
