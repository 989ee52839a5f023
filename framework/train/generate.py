"""Text from a run of a language model."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from framework.config import (
    FolderPath,
    Fraction,
    InvalidConfig,
    NonNegativeFloat,
    PositiveInt,
    Problem,
    Seed,
)
from framework.data import Tokenizer, tokenizer_from_json
from framework.models.sampling import sample
from framework.parallel import cast
from framework.train.trained import Trained, Which, open_run

TOKENIZER = "tokenizer.json"


@dataclass(frozen=True)
class Generation:
    """What to write and how.

    Attributes:
        run: the directory of a run of a language model.
        prompt: the text that is continued; empty starts a document.
        tokens: how many to write at most; null fills the context. A document's end ends it too.
        temperature: 0 takes the most probable token each time.
        top_k: draw from so many of the most probable tokens.
        top_p: draw from the fewest tokens whose probability reaches this.
        samples: texts to write, drawn independently.
        seed: another one gives another text.
        step: of the checkpoint: a number, `latest` or `best`.
    """

    run: FolderPath
    prompt: str = ""
    tokens: PositiveInt | None = None
    temperature: NonNegativeFloat = 0.8
    top_k: PositiveInt | None = None
    top_p: Fraction | None = None
    samples: PositiveInt = 1
    seed: Seed = 0
    step: Which = "latest"


def generate(options: Generation, write: Callable[[str], None]) -> None:
    """Writes the prompt and its continuation, piece by piece where there is one sample.

    Raises:
        InvalidConfig: the run is no language model's, or prompt and tokens exceed its context.
    """
    trained = open_run(options.run, options.step)
    tokenizer = _tokenizer(trained)
    prompt = np.asarray([tokenizer.end, *tokenizer.encode(options.prompt)], np.int32)
    count = _room(trained, len(prompt), options)
    rows = _Rows(tokenizer, options.samples)
    if options.samples == 1:
        write(options.prompt)
    for tokens in continuations(trained, prompt, count, options):
        rows.add(tokens)
        if options.samples == 1:
            write(rows.news(0))
        if rows.finished:
            break
    if options.samples == 1:
        write("\n")
        return
    for row in range(options.samples):
        write(f"— {row + 1} —\n{options.prompt}{rows.text(row)}\n")


def continuations(
    trained: Trained, prompt: np.ndarray, count: int, options: Generation
) -> Iterator[np.ndarray]:
    """The next token of each sample, int32 [samples], `count` times.

    The prompt is read in one call, and each token in one of its own; what was computed of the
    earlier ones is kept.
    """
    params = cast(trained.params, trained.precision.compute)
    model: Any = trained.network.bind(params, trained.others)
    length = len(prompt) + count
    cache = model.empty_cache(options.samples, length, trained.precision.compute)

    @functools.partial(jax.jit, donate_argnames="cache")
    def step(params: Any, others: Any, tokens: Any, positions: Any, cache: Any, key: Any) -> Any:
        model: Any = trained.network.bind(params, others)
        logits, cache = model.decode(tokens, positions, cache)
        drawn = sample(logits[:, -1], key, options.temperature, options.top_k, options.top_p)
        return drawn, cache

    key = jax.random.key(options.seed)
    tokens: Any = np.tile(prompt, (options.samples, 1))
    positions = np.tile(np.arange(len(prompt), dtype=np.int32), (options.samples, 1))
    for number in range(count):
        drawn, cache = step(
            params,
            trained.others,
            tokens,
            positions,
            cache,
            jax.random.fold_in(key, number),
        )
        yield np.asarray(drawn)
        tokens = jnp.asarray(drawn)[:, None]
        positions = positions[:, -1:] + 1


class _Rows:
    """The samples so far."""

    def __init__(self, tokenizer: Tokenizer, count: int) -> None:
        self._tokenizer = tokenizer
        self._ids: list[list[int]] = [[] for _ in range(count)]
        self._ended = np.zeros(count, bool)
        self._shown = 0

    def add(self, tokens: np.ndarray) -> None:
        """The next token of each; none after a document's end."""
        self._ended |= tokens == self._tokenizer.end
        for row in np.flatnonzero(~self._ended):
            self._ids[row].append(int(tokens[row]))

    @property
    def finished(self) -> bool:
        """Whether all documents have ended."""
        return bool(self._ended.all())

    def text(self, row: int) -> str:
        """What was written."""
        return self._tokenizer.decode(self._ids[row])

    def news(self, row: int) -> str:
        """What has been added since it was last asked, in whole characters."""
        text = self.text(row)
        while text.endswith("\ufffd"):  # perhaps the first bytes of a character
            text = text[:-1]
        new, self._shown = text[self._shown :], max(self._shown, len(text))
        return new


def _tokenizer(trained: Trained) -> Tokenizer:
    file = trained.directory.path / TOKENIZER
    if trained.spec.labels.kind != "token" or not file.is_file():
        expected = "a run of a language model (experiment=shakespeare trains one)"
        raise InvalidConfig(Problem("run", trained.directory.path, expected))
    return tokenizer_from_json(file.read_text(encoding="utf-8"))


def _room(trained: Trained, prompt: int, options: Generation) -> int:
    """How many tokens are to be written."""
    assert not hasattr(trained.spec.inputs, "shape")
    context = trained.spec.inputs["tokens"].shape[0]
    if prompt >= context:
        hint = "shorten it, or train with a larger data.sequence_length"
        expected = (
            f"at most {context - 2} tokens, as the context is {context} (it has {prompt - 1})"
        )
        shown = options.prompt if len(options.prompt) < 40 else f"{options.prompt[:39]}…"
        raise InvalidConfig(Problem("prompt", shown, expected, hint))
    left = context - prompt
    if options.tokens is not None and options.tokens > left:
        expected = f"at most {left}: the context is {context}, of which the prompt takes {prompt}"
        hint = "ask for fewer, or train with a larger data.sequence_length"
        raise InvalidConfig(Problem("tokens", options.tokens, expected, hint))
    return options.tokens or left
