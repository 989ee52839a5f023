import itertools
from pathlib import Path

import numpy as np
import pytest

import framework.data
from framework.config import InvalidConfig
from framework.data import (
    BPE,
    Data,
    KeptTokenizer,
    PackedText,
    tokenizer_from_json,
    training_batches,
)
from framework.data import cache as kept
from framework.spec import Field, Labels
from tests.data.make import text_folder


def load(folder: Path, **arguments: object) -> Data:
    given = {"sequence_length": 16, "batch_size": 2, **arguments}
    return framework.data.text(str(folder), **given)  # type: ignore[arg-type]


def texts(data: Data, split: str) -> set[str]:
    """The documents of a split: what its rows predict, put together again."""
    tokenizer = tokenizer_from_json(data.files["tokenizer.json"])
    source = data.splits[split]
    assert isinstance(source, PackedText)
    flat = source.tokens
    ends = np.flatnonzero(flat == tokenizer.end)
    return {tokenizer.decode(flat[a + 1 : b]) for a, b in itertools.pairwise(ends)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return text_folder(tmp_path / "works")


def contents(folder: Path) -> set[str]:
    return {path.read_bytes().decode() for path in folder.rglob("*.txt")}


def test_documents_are_divided_whole(folder: Path) -> None:
    data = load(folder)
    parts = [texts(data, split) for split in ("train", "validation", "test")]
    assert set.union(*parts) == contents(folder)
    assert sum(map(len, parts)) == len(contents(folder)) == 12
    assert data.name == "works"


def test_what_the_model_is_told(folder: Path) -> None:
    data = load(folder)
    assert data.spec.inputs == {
        "tokens": Field((16,), "int32", vocabulary=(257,)),
        "positions": Field((16,), "int32"),
        "segments": Field((16,), "int32"),
    }
    assert data.spec.labels == Labels("token", count=257)
    batch = next(training_batches(data, seed=0))
    assert {name: array.shape for name, array in batch["inputs"].items()} == {
        "tokens": (2, 16), "positions": (2, 16), "segments": (2, 16),
    }  # fmt: skip
    assert batch["labels"].shape == (2, 16)
    assert batch["bytes"].shape == batch["index"].shape == (2,)


def test_the_tokenizer_is_learned_from_the_training_split(folder: Path) -> None:
    data = load(folder, tokenizer=BPE(270))
    whole = BPE(270).fit(sorted(contents(folder)))
    tokenizer = tokenizer_from_json(data.files["tokenizer.json"])
    assert tokenizer.json() == BPE(270).fit(sorted(texts(data, "train"))).json()
    assert tokenizer.json() != whole.json()
    assert data.spec.labels.width == tokenizer.size == 270
    assert set.union(*(texts(data, split) for split in data.splits)) == contents(folder)


def test_named_files_are_their_splits(folder: Path) -> None:
    data = load(folder, validation_files=["more/*"], test_files=["work-0.txt", "work-1.txt"])
    more = {path.read_bytes().decode() for path in (folder / "more").iterdir()}
    named = {(folder / f"work-{i}.txt").read_bytes().decode() for i in (0, 1)}
    assert texts(data, "validation") == more
    assert texts(data, "test") == named
    assert texts(data, "train") == contents(folder) - more - named


def test_one_file_of_many_documents(tmp_path: Path) -> None:
    file = tmp_path / "poems.text"
    file.write_text("\n\n".join(f"poem {'la ' * i}" for i in range(20)) + "\n\n\n\n")
    data = load(file, separator=r"\n\n")
    again = load(file, separator="\n\n")
    assert data.fingerprint == again.fingerprint
    assert data.name == "poems"
    parts = [texts(data, split) for split in data.splits]
    assert sorted(map(len, parts))[-1] + sum(sorted(map(len, parts))[:-1]) == 20
    assert "poem la " in set.union(*parts)


def test_splits_may_be_left_out(folder: Path) -> None:
    assert list(load(folder, validation_fraction=0.0, test_fraction=0.0).splits) == ["train"]
    (only,) = [path for path in folder.iterdir() if path.name == "work-0.txt"]
    data = load(only, validation_fraction=0.0, test_fraction=0.0)
    assert texts(data, "train") == {only.read_bytes().decode()}


def test_the_fingerprint_says_what_was_decided(folder: Path) -> None:
    first = load(folder).fingerprint
    assert load(folder).fingerprint == first
    others = [
        load(folder, sequence_length=8),
        load(folder, tokenizer=BPE(260)),
        load(folder, test_fraction=0.3),
        load(folder, split_seed=1),
    ]
    (folder / "work-0.txt").write_text("another text")
    others.append(load(folder))
    assert len({first, *(data.fingerprint for data in others)}) == len(others) + 1


def test_it_is_made_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(folder, tokenizer=BPE(265))
    monkeypatch.setattr(BPE, "fit", lambda *arguments: pytest.fail("learned again"))
    second = load(folder, tokenizer=BPE(265), sequence_length=8)
    assert first.files == second.files


def test_large_corpora_stay_in_their_files(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load(folder)
    monkeypatch.setattr(kept, "MAPPED_BYTES", 200)
    for _ in range(2):  # as it is made, and as it is found
        mapped = load(folder, cache=str(tmp_path / "cache"))
        train = mapped.splits["train"]
        assert isinstance(train, PackedText)
        assert isinstance(train.tokens, np.memmap)
        assert mapped.fingerprint == plain.fingerprint
    batches = [next(training_batches(data, seed=0)) for data in (plain, mapped)]
    np.testing.assert_array_equal(batches[0]["labels"], batches[1]["labels"])


def refused(path: Path, **arguments: object) -> str:
    with pytest.raises(InvalidConfig) as caught:
        load(path, **arguments)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_files_that_are_no_text(folder: Path) -> None:
    (folder / "work-3.txt").write_bytes("caf\u00e9".encode("latin1"))
    line = refused(folder)
    assert line.startswith(f"path={folder}/work-3.txt: expected a file of UTF-8 text; byte 3 is")
    assert "0xe9, unexpected end of data; convert it (iconv -f latin1" in line
    (folder / "work-3.txt").write_text(" \n")
    assert "expected a file with text (this one is empty); remove it" in refused(folder)
    (folder / "work-4.txt").write_bytes(b"\xff\xfea\x00")
    with pytest.raises(InvalidConfig) as caught:
        load(folder)
    assert len(caught.value.problems) == 2


def test_no_texts(tmp_path: Path) -> None:
    line = refused(tmp_path / "nowhere")
    assert line.startswith(f"path={tmp_path}/nowhere: expected an existing path; there is no")
    (tmp_path / "readme.md").write_text("x")
    line = refused(tmp_path)
    assert line == (
        f"path={tmp_path}: expected a folder with files **/*.txt; it has readme.md;"
        " `files` is the pattern that is looked for"
    )
    assert refused(tmp_path, files="/x").startswith("files=/x: expected a pattern of paths")


def test_too_few_documents(folder: Path) -> None:
    line = refused(folder / "work-0.txt")
    assert line == (
        "validation_fraction=0.1: expected a document for each of train, validation, test"
        " (there are 1); divide files by `separator`, or leave a split out by a fraction of 0"
    )
    line = refused(folder, validation_files=["*"], test_fraction=0.0)
    assert "expected a document for each of train (there are 0)" in line
    assert "fractions that leave text for training" in refused(folder, test_fraction=0.9)


def test_splits_of_files_that_are_not_there(folder: Path) -> None:
    line = refused(folder, test_files=["wrk-0.txt"])
    assert line.startswith(f"test_files.0=wrk-0.txt: expected a file in {folder}; did you mean")
    line = refused(folder, validation_files=["work-0.txt"], test_files=["work-0*"])
    assert line == "test_files=work-0.txt: expected files that are not in validation_files too"
    assert refused(folder, separator="").startswith("separator=: expected some text between")


def test_shakespeare(shared_data: Path) -> None:
    data = load(shared_data / "shakespeare", sequence_length=256)
    sources = [source for source in data.splits.values() if isinstance(source, PackedText)]
    sizes = np.array([len(source.tokens) for source in sources])
    np.testing.assert_allclose(sizes / sizes.sum(), [0.8, 0.1, 0.1], atol=0.015)
    assert sum(len(source.offsets) for source in sources) == 42
    for source in sources:
        assert source.packing.lengths.sum() > 0.999 * 256 * len(source)


def test_other_text_is_read_by_the_tokenizer_of_this(folder: Path, tmp_path: Path) -> None:
    mine = load(folder, tokenizer=BPE(270))
    (tmp_path / "tokenizer.json").write_text(mine.files["tokenizer.json"])
    assert mine.learned["tokenizer"]["file"] == "tokenizer.json"
    other = text_folder(tmp_path / "other", seed=1)
    read = load(other, tokenizer=KeptTokenizer(str(tmp_path / "tokenizer.json")))
    assert read.files == mine.files
    assert load(other, tokenizer=BPE(270)).files != mine.files
    assert set.union(*(texts(read, split) for split in read.splits)) == contents(other)
    with pytest.raises(
        InvalidConfig, match=r"file=.*expected the tokenizer.json of a run; No such"
    ):
        load(other, tokenizer=KeptTokenizer(str(tmp_path / "gone.json")))
