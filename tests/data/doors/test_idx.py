import gzip
from pathlib import Path

import numpy as np
import pytest

import framework.data
from framework.config import InvalidConfig
from framework.data.idx_file import parse_idx
from framework.spec import Field, Labels
from tests.data import make

TRAIN = "train-images-idx3-ubyte.gz"


def load(folder: Path, **arguments: object) -> framework.data.Data:
    return framework.data.idx(str(folder), batch_size=4, **arguments)


def test_official_test_files_are_the_test_split(tmp_path: Path) -> None:
    data = load(make.idx_folder(tmp_path), validation_fraction=0.25)
    assert {name: len(s) for name, s in data.splits.items()} == {
        "train": 30,
        "validation": 10,
        "test": 10,
    }
    test = data.splits["test"].gather(np.arange(10))
    np.testing.assert_array_equal(test["inputs"], make.images(10, seed=10))
    np.testing.assert_array_equal(test["labels"], np.arange(10) % 4)
    assert data.spec.inputs == Field((6, 6, 1), "float32")
    assert data.spec.labels == Labels("class", ("0", "1", "2", "3"))
    assert load(tmp_path, validation_fraction=0.25).fingerprint == data.fingerprint
    assert load(tmp_path, classes=tuple("abcd")).fingerprint != data.fingerprint


def test_files_need_not_be_gzipped(tmp_path: Path) -> None:
    packed = load(make.idx_folder(tmp_path / "packed"))
    for file in (tmp_path / "packed").iterdir():
        plain = tmp_path / "plain" / file.name.removesuffix(".gz")
        plain.parent.mkdir(exist_ok=True)
        plain.write_bytes(gzip.decompress(file.read_bytes()))
    assert load(tmp_path / "plain").fingerprint == packed.fingerprint


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(0x08, "u1"), (0x09, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")],
)
def test_every_type_of_the_format_is_read(tmp_path: Path, code: int, dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    make.write_idx(tmp_path / "file", array, code)
    found = parse_idx(tmp_path / "file", (tmp_path / "file").read_bytes())
    np.testing.assert_array_equal(found, array)
    assert found.dtype == np.dtype(dtype)


def refused(folder: Path, **arguments: object) -> str:
    with pytest.raises(InvalidConfig) as caught:
        load(folder, **arguments)
    return str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    line = refused(tmp_path / "fashon" / "x")
    assert line == (
        f"path={tmp_path}/fashon/x: expected an existing folder; there is no fashon in {tmp_path}"
    )


def test_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "expected a folder; this is a file" in refused(tmp_path / "file")


def test_a_folder_without_the_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("")
    line = refused(tmp_path)
    assert "expected a folder with one train-images-idx3-ubyte (or .gz); it has notes.txt" in line


def test_a_truncated_file(tmp_path: Path) -> None:
    file = make.idx_folder(tmp_path) / TRAIN
    file.write_bytes(file.read_bytes()[:-100])
    line = refused(tmp_path)
    assert line.startswith(f"path={file}: expected a whole gzip file;")
    assert "\n" not in line


def test_a_damaged_gzip_file(tmp_path: Path) -> None:
    file = make.idx_folder(tmp_path) / TRAIN
    content = bytearray(file.read_bytes())
    content[200] ^= 255
    file.write_bytes(content)
    assert refused(tmp_path).startswith(f"path={file}: expected a whole gzip file;")


def test_a_file_that_is_shorter_than_its_header_says(tmp_path: Path) -> None:
    file = make.idx_folder(tmp_path) / TRAIN
    file.write_bytes(gzip.compress(gzip.decompress(file.read_bytes())[:-1]))
    assert f"path={file}: expected 1456 bytes, as its header says; it has 1455" in refused(tmp_path)


def test_a_file_with_another_magic_number(tmp_path: Path) -> None:
    file = make.idx_folder(tmp_path) / TRAIN
    file.write_bytes(gzip.compress(b"\x89PNG" + bytes(99)))
    assert f"path={file}: expected an IDX file; it starts with 89 50 4e 47" in refused(tmp_path)


def test_labels_in_place_of_images(tmp_path: Path) -> None:
    folder = make.idx_folder(tmp_path)
    (folder / TRAIN).write_bytes((folder / "train-labels-idx1-ubyte.gz").read_bytes())
    assert "expected uint8 images; it holds uint8 (40,)" in refused(folder)


def test_images_and_labels_of_different_number(tmp_path: Path) -> None:
    folder = make.idx_folder(tmp_path)
    make.write_idx(folder / "train-labels-idx1-ubyte.gz", np.zeros(39, np.uint8))
    assert "expected images and as many labels; 40 images and labels of shape (39,)" in refused(
        folder
    )


def test_labels_outside_the_classes(tmp_path: Path) -> None:
    folder = make.idx_folder(tmp_path)
    line = refused(folder, classes=("a", "b", "c"))
    assert "expected a class for every label, 0 to 2; label 3 at example 3 of" in line
    assert "train-labels-idx1-ubyte.gz has none (10 such examples)" in line


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    folder = make.idx_folder(tmp_path)
    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "expected a path that can be read; Permission denied" in refused(folder)


def test_fashion_mnist(shared_data: Path) -> None:
    data = load(shared_data / "fashion_mnist")
    assert {name: len(s) for name, s in data.splits.items()} == {
        "train": 54_000,
        "validation": 6_000,
        "test": 10_000,
    }
    labels = data.splits["validation"].gather(np.arange(6000))["labels"]
    assert (np.bincount(labels) == 600).all()
    np.testing.assert_allclose(data.preprocess.mean, 72.9, atol=0.3)
    np.testing.assert_allclose(data.preprocess.std, 90.0, atol=0.3)


def test_other_images_are_read_as_these_were(tmp_path: Path) -> None:
    mine = load(make.idx_folder(tmp_path / "mine"))
    make.idx_folder(tmp_path / "other", train=20, classes=3)
    dark = make.images(20, seed=20) // 4
    make.write_idx(tmp_path / "other" / TRAIN, dark)
    other = load(tmp_path / "other", **mine.learned)
    assert other.preprocess.mean.tolist() == mine.preprocess.mean.tolist()
    assert other.spec == mine.spec
    assert load(tmp_path / "other").preprocess.mean < mine.preprocess.mean / 2
