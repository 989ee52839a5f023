"""A language model's experiment is assembled and checked with text of the user's own."""

from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.config.command import compose_words
from framework.data import tokenizer_from_json
from framework.train import Experiment, assemble
from tests.data.make import text_folder

SMALL = ["model.layers=1", "model.width=16", "data.sequence_length=32", "data.batch_size=8"]


def assembled(tmp_path: Path, *overrides: str) -> Experiment:
    folder = tmp_path / "works"
    if not folder.exists():
        text_folder(folder)
    words = ["experiment=shakespeare", f"data.path={folder}", f"run.dir={tmp_path / 'run'}", *SMALL]
    return assemble(compose_words([*words, *overrides]).settings)


def test_the_model_takes_the_tokenizers_size(tmp_path: Path) -> None:
    found = assembled(tmp_path, "data/tokenizer=bpe", "data.tokenizer.vocabulary_size=268")
    assert tokenizer_from_json(found.data.files["tokenizer.json"]).size == 268
    assert (268, 16) in [array.shape for array in found.network().shapes.values()]


def test_a_corpus_of_one_row_is_said_to_be_too_small(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as caught:
        assembled(tmp_path, "data.sequence_length=20000")
    assert str(caught.value) == (
        "data.batch_size=8: expected at most the 1 examples of the training split"
    )


def test_augmentations_of_images_are_none_of_text(tmp_path: Path) -> None:
    names = "[{_target_: framework.data.RandomFlip},{_target_: framework.data.Mixup}]"
    with pytest.raises(InvalidConfig) as caught:
        assembled(tmp_path, f"data.augmentations={names}")
    assert [problem.key for problem in caught.value.problems] == [
        "data.augmentations.0",
        "data.augmentations.1",
    ]
