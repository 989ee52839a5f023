"""Documents to a language model's data: a tokenizer, token arrays and packing plans, all kept."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.data.augment import Augmentation
from framework.data.cache import cache_directory, prepared
from framework.data.dataset import Data
from framework.data.fingerprint import array_digest, fingerprint
from framework.data.packed_text import PackedText
from framework.data.packing import Packing, pack
from framework.data.preprocess import Identity
from framework.data.source import Source
from framework.data.tokenizer import Tokenization, Tokenizer, tokenizer_from_json
from framework.spec import Field, Labels, Spec

TOKENIZER_FILE = "tokenizer.json"

Texts = dict[str, dict[str, list[str]]]
"""The documents of each split of each corpus."""


@dataclass(frozen=True)
class Language:
    """Tokenized corpora: rows of each split of each, and what a fingerprint says of them."""

    tokenizer: Tokenizer
    splits: Mapping[str, Mapping[str, PackedText]]
    spec: Spec
    digest: str


def language(
    key: Mapping[str, Any],
    read: Callable[[], Texts],
    tokenization: Tokenization,
    sequence_length: int,
    cache: str | None,
) -> Language:
    """Tokens and packing of what `read` returns, from the cache if they were made there before.

    `key` says what the texts are a function of. The tokenizer is learned from the `train` splits
    of all corpora together, and from nothing else.
    """
    folder = cache_directory(cache)
    key = {"version": 1, **key, "tokenizer": repr(tokenization)}
    found = prepared("text", key, folder, lambda: _tokenized(read(), tokenization), mapped=True)
    tokenizer = tokenizer_from_json(found.notes["tokenizer"])
    splits: dict[str, dict[str, PackedText]] = {}
    for number, (corpus, names) in enumerate(found.notes["splits"].items()):
        splits[corpus] = {}
        for split in names:
            lengths = found.arrays[f"{number}-{split}-lengths"]
            splits[corpus][split] = PackedText(
                name=f"{corpus}/{split}",
                tokens=found.arrays[f"{number}-{split}-tokens"],
                offsets=np.cumsum(lengths + 1) - (lengths + 1),
                packing=_packed(lengths + 1, sequence_length, folder),
                size=sequence_length,
                bytes_of=tokenizer.lengths,
            )
    learned = hashlib.sha256(found.notes["tokenizer"].encode()).hexdigest()
    decisions = {"tokenizer": learned, "sequence_length": sequence_length}
    decisions["splits"] = found.notes["splits"]
    digest = fingerprint(found.digests, decisions)
    return Language(tokenizer, splits, _spec(sequence_length, tokenizer.size), digest)


def language_data(
    name: str,
    made: Language,
    splits: Mapping[str, Source],
    *,
    batch_size: int,
    augmentations: tuple[Augmentation, ...],
    workers: int,
    weights: Sequence[float] = (),
) -> Data:
    """What a door returns of `made`; `splits` are its sources, or mixtures of them."""
    return Data(
        name=name,
        spec=made.spec,
        splits=splits,
        fingerprint=fingerprint({"text": made.digest}, {"weights": weights}),
        batch_size=batch_size,
        preprocess=Identity(),
        augmentations=augmentations,
        workers=workers,
        files={TOKENIZER_FILE: made.tokenizer.json()},
        learned={"tokenizer": {"_target_": "framework.data.KeptTokenizer", "file": TOKENIZER_FILE}},
    )


def texts_digest(texts: Texts) -> str:
    """SHA-256 over the corpora's and splits' names and every document."""
    digest = hashlib.sha256()
    for corpus, splits in texts.items():
        for split, documents in splits.items():
            digest.update(f"{corpus}|{split}|{len(documents)}\n".encode())
            for text in documents:
                content = text.encode()
                digest.update(f"{len(content)}\n".encode())
                digest.update(content)
    return digest.hexdigest()


def _spec(length: int, vocabulary: int) -> Spec:
    plain = Field((length,), "int32")
    tokens = Field((length,), "int32", vocabulary=(vocabulary,))
    return Spec(
        {"tokens": tokens, "positions": plain, "segments": plain},
        Labels("token", count=vocabulary),
    )


def _tokenized(
    texts: Texts, tokenization: Tokenization
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    tokenizer = tokenization.fit([t for splits in texts.values() for t in splits["train"]])
    arrays = {}
    for number, splits in enumerate(texts.values()):
        for split, documents in splits.items():
            tokens, lengths = _flat(documents, tokenizer)
            arrays[f"{number}-{split}-tokens"] = tokens
            arrays[f"{number}-{split}-lengths"] = lengths
    names = {corpus: list(splits) for corpus, splits in texts.items()}
    return arrays, {"tokenizer": tokenizer.json(), "splits": names}


def _flat(documents: Sequence[str], tokenizer: Tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """All tokens, `end` before, between and after the documents; and the documents' lengths."""
    kind = np.min_scalar_type(tokenizer.size - 1)
    end = np.asarray([tokenizer.end], kind)
    with ThreadPoolExecutor() as threads:  # tokenizers in Rust run outside Python's lock
        parts = list(threads.map(lambda text: tokenizer.encode(text).astype(kind), documents))
    lengths = np.asarray([len(part) for part in parts], np.int64)
    return np.concatenate([end, *(a for part in parts for a in (part, end))]), lengths


def _packed(places: np.ndarray, size: int, folder: Any) -> Packing:
    def plan() -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return dict(vars(pack(places, size))), {}

    key = {"version": 1, "places": array_digest(places), "size": size}
    return Packing(**prepared("packing", key, folder, plan).arrays)
