"""Any TFDS set with a text feature, by its name."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.config import Fraction, InvalidConfig, NonNegativeInt, PositiveInt, Problem, nearest
from framework.data.augment import Augmentation
from framework.data.dataset import Data
from framework.data.images import IN_MEMORY_BYTES
from framework.data.language import language, language_data
from framework.data.records import declared_splits, open_split, prepared_builder, set_digest
from framework.data.splits import divide_by_size
from framework.data.tokenizer import BYTES, Tokenization

_READ = 1000


def tfds_text(
    name: str,
    *,
    sequence_length: PositiveInt,
    batch_size: PositiveInt,
    tokenizer: Tokenization = BYTES,
    path: str | None = None,
    inputs: str | None = None,
    splits: Mapping[str, str] | None = None,
    validation_fraction: Fraction = 0.1,
    test_fraction: Fraction = 0.1,
    split_seed: NonNegativeInt = 0,
    augmentations: tuple[Augmentation, ...] = (),
    workers: NonNegativeInt = 0,
    cache: str | None = None,
) -> Data:
    """The set `name`, found or prepared in the TFDS folder `path`; each example is a document.

    `inputs` is its text feature, by default the only one. `path` and `splits` are as in
    `framework.data.tfds`; a split that is missing is a share of train's text, in whole examples.
    The rest is as in `framework.data.text`.
    """
    builder = prepared_builder(name, path)
    feature = _feature(builder, inputs)
    parts = declared_splits(builder, splits)
    fractions = {"validation": validation_fraction, "test": test_fraction}
    missing = {split: share for split, share in fractions.items() if split not in parts}

    def read() -> dict[str, dict[str, list[str]]]:
        texts = {split: _texts(builder, part, feature) for split, part in parts.items()}
        train = texts["train"]
        sizes = np.asarray([len(text.encode()) for text in train], np.int64)
        shares = divide_by_size(sizes, missing, seed=split_seed)
        texts |= {split: [train[i] for i in places] for split, places in shares.items()}
        return {builder.name: texts}

    size = sum(file.num_bytes or 0 for file in builder.info.splits.values())
    key = {
        "set": set_digest(builder, size <= IN_MEMORY_BYTES),
        "feature": feature,
        "parts": parts,
        "missing": missing,
        "seed": split_seed,
    }
    made = language(key, read, tokenizer, sequence_length, cache)
    return language_data(
        builder.name,
        made,
        made.splits[builder.name],
        batch_size=batch_size,
        augmentations=augmentations,
        workers=workers,
    )


def _feature(builder: Any, inputs: str | None) -> str:
    """The text feature: as given, else the only one."""
    from tensorflow_datasets import features

    kinds = builder.info.features.items()
    texts: list[str] = [name for name, kind in kinds if isinstance(kind, features.Text)]
    chosen = texts[0] if inputs is None and len(texts) == 1 else inputs
    if chosen is None or chosen not in texts:
        known = nearest(str(inputs), texts)
        hint = known or "it has none; data=tfds reads images and arrays"
        raise InvalidConfig(Problem("inputs", inputs, f"a text feature of {builder.name}", hint))
    return chosen


def _texts(builder: Any, part: str, feature: str) -> list[str]:
    """All texts of a split that are not empty, in the order in which they are kept."""
    examples = open_split(builder, part)
    texts: list[str] = []
    for start in range(0, len(examples), _READ):
        rows = range(start, min(start + _READ, len(examples)))
        for row, example in zip(rows, examples.__getitems__(list(rows)), strict=True):
            try:
                texts.append(bytes(example[feature]).decode())
            except UnicodeDecodeError as error:
                hint = f"example {row} of {part}: byte {error.start}, {error.reason}"
                raise InvalidConfig(Problem("inputs", feature, "UTF-8 text", hint)) from error
    texts = [text for text in texts if text.strip()]
    if not texts:
        expected = f"examples of {builder.name} with text in {feature}"
        raise InvalidConfig(Problem("splits", part, expected))
    return texts
