"""Text as numbers and back: what a tokenizer is, and the one of bytes."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from framework.config.build import require


class Tokenizer(Protocol):
    """A vocabulary of `size` tokens, of which `end` begins and ends every document."""

    @property
    def size(self) -> int:
        """Number of tokens, the end of a document among them."""
        ...

    @property
    def end(self) -> int:
        """The token that stands before and after each document; no text encodes to it."""
        ...

    @property
    def lengths(self) -> np.ndarray:
        """Int32 [size]: bytes of text that each token stands for; 0 for `end`."""
        ...

    def encode(self, text: str) -> np.ndarray:
        """Int32 [n], without `end`."""
        ...

    def decode(self, ids: Iterable[int]) -> str:
        """The text of any tokens; what is not UTF-8 becomes U+FFFD, and `end` nothing."""
        ...

    def json(self) -> str:
        """A JSON object with `_target_`, from which `tokenizer_from_json` makes the same."""
        ...


class Tokenization(Protocol):
    """What a configuration chooses: how a tokenizer comes from the training split's texts."""

    def fit(self, texts: Sequence[str]) -> Tokenizer:
        """The same texts give the same tokenizer. Its `repr` says how, for the cache."""
        ...


@dataclass(frozen=True)
class Bytes:
    """The 256 bytes of UTF-8: nothing is learned and nothing is fetched."""

    def fit(self, texts: Sequence[str]) -> Tokenizer:
        """The same whatever the texts."""
        del texts
        return ByteTokenizer()


BYTES = Bytes()


@dataclass(frozen=True)
class ByteTokenizer:
    """One token for each byte, and the end of a document."""

    size: int = 257
    end: int = 256

    @cached_property
    def lengths(self) -> np.ndarray:
        """1 for each byte."""
        return np.asarray(np.arange(self.size) != self.end, np.int32)

    def encode(self, text: str) -> np.ndarray:
        """The text's bytes."""
        return np.frombuffer(text.encode(), np.uint8).astype(np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """The bytes' text."""
        return bytes(i for i in ids if i != self.end).decode(errors="replace")

    def json(self) -> str:
        """Its name is all there is to say."""
        return json.dumps({"_target_": "framework.data.ByteTokenizer"})


def tokenizer_from_json(text: str) -> Tokenizer:
    """The tokenizer that said this of itself.

    Raises:
        InvalidConfig: it is no such text, or of a class that cannot be imported.
    """
    tokenizer: Tokenizer = require(json.loads(text))
    return tokenizer
