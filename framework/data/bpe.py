"""Byte pair encoding, learned from the training split by the `tokenizers` library."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from framework.config import InvalidConfig, Problem
from framework.data.tokenizer import Tokenizer

BYTE_TOKENS = 257
"""The smallest vocabulary: every byte and the end of a document."""


@dataclass(frozen=True)
class BPE:
    """Byte-level byte pair encoding (Sennrich et al. 2016; split into words as GPT-2 does).

    Attributes:
        vocabulary_size: tokens, the 256 bytes and the end of a document among them. A small
            corpus may give fewer. A multiple of 128 divides well over devices.
    """

    vocabulary_size: Annotated[int, Field(ge=BYTE_TOKENS)] = 4096

    def fit(self, texts: Sequence[str]) -> Tokenizer:
        """Learns from all of `texts`.

        Raises:
            InvalidConfig: the library is not installed.
        """
        library = _library()
        learner = library.Tokenizer(library.models.BPE())
        learner.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = library.trainers.BpeTrainer(
            vocab_size=self.vocabulary_size - 1,  # the end of a document is no text
            initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        learner.train_from_iterator(texts, trainer)
        model = json.loads(learner.to_str())["model"]
        vocabulary = tuple(sorted(model["vocab"], key=model["vocab"].__getitem__))
        merges = tuple(m if isinstance(m, str) else " ".join(m) for m in model["merges"])
        return BPETokenizer(vocabulary, merges)


@dataclass(frozen=True, repr=False)
class BPETokenizer:
    """Tokens of one or more bytes. Only `encode` needs the library.

    Attributes:
        vocabulary: each token's bytes, a character for each byte as GPT-2 writes them.
        merges: pairs of tokens that become one, by priority; a space between the two.
    """

    vocabulary: tuple[str, ...]
    merges: tuple[str, ...]

    def __repr__(self) -> str:
        return f"BPETokenizer({self.size} tokens)"

    @property
    def size(self) -> int:
        """The vocabulary and the end of a document."""
        return len(self.vocabulary) + 1

    @property
    def end(self) -> int:
        """The last token."""
        return len(self.vocabulary)

    @cached_property
    def lengths(self) -> np.ndarray:
        """A token has as many bytes as its name has characters."""
        return np.asarray([*map(len, self.vocabulary), 0], np.int32)

    def encode(self, text: str) -> np.ndarray:
        """The text's words, each merged by priority.

        Raises:
            InvalidConfig: the library is not installed.
        """
        return np.asarray(self._encoder.encode(text).ids, np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """The tokens' bytes as text."""
        return b"".join(self._bytes[i] for i in ids).decode(errors="replace")

    def json(self) -> str:
        """Vocabulary and merges."""
        target = "framework.data.BPETokenizer"
        arguments = {"vocabulary": self.vocabulary, "merges": self.merges}
        return json.dumps({"_target_": target, **arguments}, ensure_ascii=False)

    @cached_property
    def _bytes(self) -> list[bytes]:
        of = {character: byte for byte, character in enumerate(_characters())}
        return [*(bytes(of[c] for c in token) for token in self.vocabulary), b""]

    @cached_property
    def _encoder(self) -> Any:
        library = _library()
        places = {token: i for i, token in enumerate(self.vocabulary)}
        pairs = [tuple(merge.split(" ")) for merge in self.merges]
        encoder = library.Tokenizer(library.models.BPE(vocab=places, merges=pairs))
        encoder.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        return encoder


def _characters() -> list[str]:
    """GPT-2's visible character for each byte: its own where it has one, else one above U+00FF."""
    own = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in own else next(others)) for byte in range(256)]


def _library() -> Any:
    try:
        import tokenizers
    except ImportError as error:
        expected = "the tokenizers package, which BPE needs"
        hint = 'pip install -e ".[text]", or choose data/tokenizer=bytes'
        raise InvalidConfig(Problem("tokenizer", "framework.data.BPE", expected, hint)) from error
    return tokenizers
