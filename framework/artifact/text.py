"""The tokenizer that an artifact of a language model carries."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.artifact.errors import ArtifactError, InvalidInput


@dataclass(frozen=True)
class Tokenizer:
    """Text as token ids and back, without the token that ends a document."""

    encode: Callable[[str], list[int]]
    decode: Callable[[Sequence[int]], str]


def read_tokenizer(file: Path) -> Tokenizer | None:
    """The tokenizer of a `tokenizer.json`; None of a kind that only its own code can read.

    That of bytes needs nothing; BPE needs the package `tokenizers` once text is to be encoded.
    """
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        kind = str(told["_target_"]).rpartition(".")[2]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"{file}: no tokenizer ({error})") from error
    if kind == "ByteTokenizer":
        return Tokenizer(lambda text: list(text.encode()), _bytes)
    if kind == "BPETokenizer":
        return _bpe(told["vocabulary"], told["merges"])
    return None


def _bytes(ids: Sequence[int]) -> str:
    return bytes(i for i in ids if i < 256).decode(errors="replace")


def _bpe(vocabulary: Sequence[str], merges: Sequence[str]) -> Tokenizer:
    """GPT-2's: each character of a token's name stands for a byte."""
    own = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    byte_of = {chr(byte if byte in own else next(others)): byte for byte in range(256)}
    made: list[Any] = []

    def encode(text: str) -> list[int]:
        if not made:
            made.append(_encoder(vocabulary, merges))
        ids: list[int] = made[0].encode(text).ids
        return ids

    def decode(ids: Sequence[int]) -> str:
        tokens = (vocabulary[i] for i in ids if i < len(vocabulary))
        return bytes(byte_of[c] for token in tokens for c in token).decode(errors="replace")

    return Tokenizer(encode, decode)


def _encoder(vocabulary: Sequence[str], merges: Sequence[str]) -> Any:
    try:
        import tokenizers
    except ImportError:
        raise InvalidInput(
            "'text': expected the package `tokenizers`, which this model's tokenizer needs: "
            "pip install tokenizers, or give `tokens`"
        ) from None
    places = {token: i for i, token in enumerate(vocabulary)}
    pairs: Any = [tuple(merge.split(" ")) for merge in merges]
    encoder = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=places, merges=pairs))
    encoder.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return encoder
