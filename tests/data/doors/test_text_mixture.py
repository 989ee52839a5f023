from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import framework.data
from framework.config import InvalidConfig, build
from framework.data import BPE, Corpus, Data, Joined, Mixture, tokenizer_from_json
from tests.conftest import ROOT
from tests.data.make import text_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    text_folder(tmp_path / "plays", seed=1)
    text_folder(tmp_path / "verse", documents=4, seed=2)
    return tmp_path


def load(folder: Path, weights: tuple[float, float] = (1.0, 1.0), **arguments: object) -> Data:
    corpora = {
        name: Corpus(str(folder / name), weight)
        for name, weight in zip(("plays", "verse"), weights, strict=True)
    }
    given = {"sequence_length": 16, "batch_size": 2, **arguments}
    return framework.data.text_mixture(corpora, **given)  # type: ignore[arg-type]


def test_splits_of_each_and_of_all(folder: Path) -> None:
    data = load(folder)
    assert set(data.splits) == {
        "train", "validation", "validation_plays", "validation_verse",
        "test", "test_plays", "test_verse",
    }  # fmt: skip
    for name in ("plays", "verse"):
        alone = framework.data.text(str(folder / name), sequence_length=16, batch_size=2)
        for split in ("validation", "test"):
            here, there = data.splits[f"{split}_{name}"], alone.splits[split]
            rows = np.arange(len(there))
            np.testing.assert_array_equal(here.gather(rows)["labels"], there.gather(rows)["labels"])
    whole = data.splits["test"]
    assert isinstance(whole, Joined)
    assert len(whole) == len(data.splits["test_plays"]) + len(data.splits["test_verse"])


def test_training_rows_come_by_weight(folder: Path) -> None:
    data = load(folder, (1.0, 3.0))
    train = data.splits["train"]
    assert isinstance(train, Mixture)
    _, indices = train.order(0).at(0, 4096)
    assert (indices >= train.joined.starts[1]).mean() == 0.75


def test_one_tokenizer_for_all(folder: Path) -> None:
    both = load(folder, tokenizer=BPE(275))
    assert both.files == load(folder, (5.0, 1.0), tokenizer=BPE(275)).files
    alone = framework.data.text(
        str(folder / "plays"), sequence_length=16, batch_size=2, tokenizer=BPE(275)
    )
    assert both.files != alone.files
    assert tokenizer_from_json(both.files["tokenizer.json"]).size == both.spec.labels.width


def test_the_weights_are_in_the_fingerprint(folder: Path) -> None:
    found = [load(folder, weights).fingerprint for weights in ((1.0, 1.0), (1.0, 2.0))]
    assert len(set(found)) == 2


def test_mistakes_are_under_their_corpus(folder: Path) -> None:
    (folder / "verse" / "work-1.txt").write_bytes(b"\xff")
    with pytest.raises(
        InvalidConfig, match=r"^corpora\.verse\.path=.*work-1\.txt: expected a file of"
    ):
        load(folder)
    with pytest.raises(InvalidConfig, match=r"^corpora\.plays\.weight=1e-05: expected at least"):
        load(folder, (1e-5, 1.0))
    with pytest.raises(InvalidConfig, match=r"^corpora=\{\}: expected a corpus or more, by name"):
        framework.data.text_mixture({}, sequence_length=1, batch_size=1)


def settings(*overrides: str) -> dict[str, object]:
    with initialize_config_dir(str(ROOT / "configs"), version_base=None):
        config = compose(overrides=["+data=text_mixture", *overrides])
    found: dict[str, object] = OmegaConf.to_container(config.data)  # type: ignore[assignment]
    return found


def test_corpora_are_given_on_the_command_line(folder: Path) -> None:
    corpora = f"{{plays: {{path: {folder}/plays, weight: 3}}, verse: {{path: {folder}/verse}}}}"
    data = build.require(settings(f"data.corpora={corpora}", "data.sequence_length=16"), "data")
    assert data.fingerprint == load(folder, (3.0, 1.0)).fingerprint


def test_mistakes_are_found_before_anything_is_read() -> None:
    given = settings("data.corpora={a: {path: x, weight: -1}, b: {wight: 3}, c: y}")
    _, problems = build.read(given, "data")
    assert {problem.key for problem in problems} == {
        "data.corpora.a.weight",
        "data.corpora.b.path",
        "data.corpora.b.wight",
        "data.corpora.c",
    }
