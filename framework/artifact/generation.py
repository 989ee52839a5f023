"""Text from an artifact of a language model: a prompt is read in one call, then token by token."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from framework.artifact.artifact import DECODE, PREFILL, Artifact
from framework.artifact.errors import InvalidInput
from framework.artifact.programs import CACHE, padded, size_for
from framework.artifact.scoring import size_of, token_rows


@dataclass(frozen=True)
class Sampling:
    """How a token is drawn.

    Attributes:
        temperature: 0 takes the most probable one.
        top_k: draw from so many of the most probable; None: from all.
        seed: another one gives another text.
        top_p: draw from the fewest tokens whose probability, at this temperature and of those
            that `top_k` leaves, reaches this (Holtzman et al. 2020, arXiv:1904.09751), and from
            one at least; None: from all.
    """

    temperature: float = 0.0
    top_k: int | None = None
    seed: int = 0
    top_p: float | None = None

    def __post_init__(self) -> None:
        fits = {
            "temperature": (self.temperature, "from 0", self.temperature >= 0),
            "top_k": (self.top_k, "from 1", self.top_k is None or self.top_k >= 1),
            "top_p": (self.top_p, "from 0 to 1", self.top_p is None or 0 <= self.top_p <= 1),
        }
        wrong = [
            f"{name}={value}: expected a number {limits}"
            for name, (value, limits, fitting) in fits.items()
            if not fitting
        ]
        if wrong:
            raise InvalidInput("; ".join(wrong))


def generate(
    artifact: Artifact, prompts: Any, tokens: int, sampling: Sampling | None = None
) -> list[list[int]]:
    """The continuation of each prompt, token ids, up to `tokens` or the end of the document.

    Args:
        prompts: as `Artifact.predict` takes texts.
        tokens: how many to write at most.

    Raises:
        InvalidInput: the artifact is no language model that writes, or a prompt and what is to be
            written do not fit its context.
    """
    written: list[list[int]] = []
    ended: np.ndarray | None = None
    end = artifact.about.get("language", {}).get("end")
    for drawn in continuations(artifact, prompts, tokens, sampling or Sampling()):
        if ended is None:
            ended, written = np.zeros(len(drawn), bool), [[] for _ in drawn]
        ended |= drawn == end
        for row in np.flatnonzero(~ended):
            written[row].append(int(drawn[row]))
        if ended.all():
            break
    return written


def continuations(
    artifact: Artifact, prompts: Any, tokens: int, sampling: Sampling
) -> Iterator[np.ndarray]:
    """The next token of each prompt, int32 [n], `tokens` times."""
    language = artifact.about.get("language", {})
    if DECODE not in artifact.programs:
        raise InvalidInput(f"{artifact.contents.path}: expected a language model that writes")
    rows = [[language["end"], *ids] for ids in _prompts(artifact, prompts)]
    lengths = np.asarray([len(row) for row in rows], np.int32)
    longest = int(lengths.max()) + tokens
    if lengths.max() >= language["context"]:
        raise InvalidInput(
            f"expected a prompt of at most {language['context'] - 2} tokens, as the context is "
            f"{language['context']}, got {int(lengths.max()) - 1}"
        )
    if tokens < 1 or longest > language["context"]:
        raise InvalidInput(
            f"tokens={tokens}: expected from 1 to {language['context'] - int(lengths.max())}, as "
            f"the context is {language['context']} and the longest prompt {int(lengths.max())}"
        )
    count = len(rows)
    size = size_for(count, artifact.batch_sizes) if count <= artifact.batch_sizes[-1] else count
    given = np.full((count, size_of(int(lengths.max()), language["context"])), 0, np.int32)
    for place, row in enumerate(rows):
        given[place, : len(row)] = row
    cache = empty_cache(language["cache"], size, size_of(longest, language["context"]))
    inputs: dict[str, Any] = {**padded({"tokens": given, "lengths": lengths}, size), **cache}
    inputs["lengths"] = np.maximum(inputs["lengths"], 1)
    found = artifact.programs[PREFILL](artifact.weights, inputs)
    random, positions = np.random.default_rng(sampling.seed), inputs["lengths"]
    for number in range(tokens):
        drawn = _drawn(np.asarray(found["logits"]), sampling, random)
        yield drawn[:count]
        if number + 1 < tokens:
            held = {name: found[name] for name in cache}
            inputs = {"tokens": drawn, "positions": positions, **held}
            found = artifact.programs[DECODE](artifact.weights, inputs)
            positions = positions + 1


def _prompts(artifact: Artifact, prompts: Any) -> list[list[int]]:
    """Token ids of each prompt; an empty one begins a document."""
    if isinstance(prompts, str | list) and prompts in ("", [""]):
        return [[]]
    return token_rows(prompts, artifact.about["language"], artifact.tokenizer)


def empty_cache(told: Mapping[str, Any], batch: int, length: int) -> dict[str, jax.Array]:
    """The cache that a manifest describes, for so many rows of so many places."""
    sizes = {"batch": batch, "length": length}
    shape = tuple(sizes.get(place, place) for place in told["shape"])
    return {name: jax.numpy.zeros(shape, told["dtype"]) for name in CACHE}


def _drawn(logits: np.ndarray, how: Sampling, random: np.random.Generator) -> np.ndarray:
    """One token for each row, int32, from softmax(logits / temperature)."""
    if how.temperature == 0:
        return np.asarray(logits.argmax(axis=1), np.int32)
    warm = logits.astype(np.float64) / how.temperature
    if how.top_k is not None and how.top_k < warm.shape[1]:
        least = np.partition(warm, -how.top_k, axis=1)[:, -how.top_k, None]
        warm = np.where(warm < least, -np.inf, warm)
    if how.top_p is not None:
        warm = np.where(warm < _least_of_nucleus(warm, how.top_p), -np.inf, warm)
    # Gumbel's way: the greatest of log p + noise is a draw from p.
    return np.asarray((warm + random.gumbel(size=warm.shape)).argmax(axis=1), np.int32)


def _least_of_nucleus(warm: np.ndarray, top_p: float) -> np.ndarray:
    """Of each row the least logit [n, 1] of the fewest whose probability reaches `top_p`."""
    falling = -np.sort(-warm, axis=1)
    powers = np.exp(falling - falling[:, :1])
    each = powers / powers.sum(axis=1, keepdims=True)
    before = each.cumsum(axis=1) - each
    count = np.maximum((before < top_p).sum(axis=1, keepdims=True), 1)
    return np.take_along_axis(falling, count - 1, axis=1)
