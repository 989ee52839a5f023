"""Text files: a language model's data from a folder."""

from pathlib import Path

from framework.config import Fraction, NonNegativeInt, PositiveInt
from framework.data.augment import Augmentation
from framework.data.dataset import Data
from framework.data.language import language, language_data, texts_digest
from framework.data.text_files import Corpus, read_texts
from framework.data.tokenizer import BYTES, Tokenization


def text(
    path: str,
    *,
    sequence_length: PositiveInt,
    batch_size: PositiveInt,
    tokenizer: Tokenization = BYTES,
    files: str = "**/*.txt",
    separator: str | None = None,
    validation_files: tuple[str, ...] = (),
    test_files: tuple[str, ...] = (),
    validation_fraction: Fraction = 0.1,
    test_fraction: Fraction = 0.1,
    split_seed: NonNegativeInt = 0,
    augmentations: tuple[Augmentation, ...] = (),
    workers: NonNegativeInt = 0,
    cache: str | None = None,
) -> Data:
    """UTF-8 files under the folder `path`, or one file; each is a document.

    `separator` divides files into documents. A split has the files named for it, or a seeded
    choice of whole documents whose share of the text is nearest to its fraction. Rows of
    `sequence_length` tokens are packed from documents of one split; see
    `framework.data.PackedText` for what they hold. The tokenizer comes from the training split.
    """
    corpus = Corpus(
        path,
        files=files,
        separator=separator,
        validation_files=validation_files,
        test_files=test_files,
    )
    found = read_texts(corpus)
    name = Path(path).expanduser().absolute().stem
    fractions = {"validation": validation_fraction, "test": test_fraction}
    texts = {name: found.splits(fractions, split_seed)}
    key = {"texts": texts_digest(texts)}
    made = language(key, lambda: texts, tokenizer, sequence_length, cache)
    return language_data(
        name,
        made,
        made.splits[name],
        batch_size=batch_size,
        augmentations=augmentations,
        workers=workers,
    )
