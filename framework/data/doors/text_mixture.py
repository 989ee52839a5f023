"""Several corpora of text files, mixed by weight."""

from collections.abc import Mapping

from framework.config import Fraction, InvalidConfig, NonNegativeInt, PositiveInt, Problem
from framework.data.augment import Augmentation
from framework.data.dataset import Data
from framework.data.language import language, language_data, texts_digest
from framework.data.mixture import BLOCK, Joined, Mixture
from framework.data.source import Source
from framework.data.text_files import Corpus, read_texts
from framework.data.tokenizer import BYTES, Tokenization


def text_mixture(
    corpora: Mapping[str, Corpus],
    *,
    sequence_length: PositiveInt,
    batch_size: PositiveInt,
    tokenizer: Tokenization = BYTES,
    validation_fraction: Fraction = 0.1,
    test_fraction: Fraction = 0.1,
    split_seed: NonNegativeInt = 0,
    augmentations: tuple[Augmentation, ...] = (),
    workers: NonNegativeInt = 0,
    cache: str | None = None,
) -> Data:
    """Each corpus as `framework.data.text` reads one; training rows come in shares of the weights.

    One tokenizer is learned from the training splits of all. `validation` and `test` hold those of
    every corpus once, whatever the weights; `validation_NAME` and `test_NAME` are one corpus's.
    """
    if not corpora:
        hint = "data.corpora='{plays: {path: FOLDER, weight: 3}, verse: {path: FOLDER}}'"
        raise InvalidConfig(Problem("corpora", "{}", "a corpus or more, by name", hint))
    weights = _weights(corpora)
    fractions = {"validation": validation_fraction, "test": test_fraction}
    texts: dict[str, dict[str, list[str]]] = {}
    problems: list[Problem] = []
    for name, corpus in corpora.items():
        try:
            texts[name] = read_texts(corpus).splits(fractions, split_seed)
        except InvalidConfig as error:
            problems += _placed(error, name)
    if problems:
        raise InvalidConfig(*problems)
    made = language(
        {"texts": texts_digest(texts)}, lambda: texts, tokenizer, sequence_length, cache
    )
    train = Joined({name: splits["train"] for name, splits in made.splits.items()})
    found: dict[str, Source] = {"train": Mixture(train, weights)}
    for split in fractions:
        parts = {name: splits[split] for name, splits in made.splits.items() if split in splits}
        if parts:
            found[split] = Joined(parts)
            found |= {f"{split}_{name}": source for name, source in parts.items()}
    return language_data(
        "+".join(corpora),
        made,
        found,
        batch_size=batch_size,
        augmentations=augmentations,
        workers=workers,
        weights=weights,
    )


def _weights(corpora: Mapping[str, Corpus]) -> tuple[float, ...]:
    weights = tuple(corpus.weight for corpus in corpora.values())
    total = sum(weights)
    least = total / BLOCK
    for name, corpus in corpora.items():
        if corpus.weight < least:
            expected = f"at least {least:g}, 1 row in {BLOCK} (all weights are {total:g})"
            raise InvalidConfig(Problem(f"corpora.{name}.weight", corpus.weight, expected))
    return weights


def _placed(error: InvalidConfig, name: str) -> tuple[Problem, ...]:
    """What is wrong with a corpus is under its name; fractions are all corpora's."""
    common = tuple(p for p in error.problems if p.key.endswith("_fraction"))
    own = [p for p in error.problems if p not in common]
    return common + InvalidConfig(*own).under(f"corpora.{name}").problems
