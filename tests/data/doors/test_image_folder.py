from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import framework.data
from framework.config import InvalidConfig
from framework.data import Data, evaluation_batches
from framework.data.image_file import ImageFiles, as_size, decode_image
from framework.spec import Field, Labels

CLASSES = ("cat", "dog", "owl")


def save(path: Path, value: int, size: tuple[int, int] = (8, 10)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = np.broadcast_to(np.array([value, 100, 255 - value], np.uint8), (*size, 3))
    Image.fromarray(np.ascontiguousarray(colour)).save(path)


def folder(root: Path, splits: tuple[str, ...] = ("",), each: int = 10) -> Path:
    """`each` images a class and split, of a red that says which they are."""
    for split in splits:
        for number, name in enumerate(CLASSES):
            for i in range(each):
                save(root / split / name / f"{i}.png", 20 * number + i)
    return root


def load(root: Path, **arguments: object) -> Data:
    return framework.data.image_folder(str(root), **{"size": (4, 5), "batch_size": 4, **arguments})


@pytest.mark.parametrize("in_memory", [True, False])
def test_classes_are_folders(tmp_path: Path, in_memory: bool) -> None:
    data = load(folder(tmp_path), in_memory=in_memory)
    assert {k: len(v) for k, v in data.splits.items()} == {"train": 21, "validation": 3, "test": 6}
    assert data.spec.inputs == Field((4, 5, 3), "float32")
    assert data.spec.labels == Labels("class", CLASSES)
    for split in data.splits.values():
        batch = split.gather(np.arange(len(split)))
        assert batch["inputs"].shape[1:] == (4, 5, 3)
        assert batch["inputs"].dtype == np.uint8
        red = batch["inputs"][:, 0, 0, 0].astype(int)
        np.testing.assert_array_equal(red // 20, batch["labels"])
        np.testing.assert_array_equal(batch["inputs"][..., 1], 100)
    assert data.preprocess.mean.shape == (3,)
    np.testing.assert_allclose(data.preprocess.mean[1:2], 100)
    assert data.preprocess.std[1] == 1  # a channel that never changes


def test_memory_and_disk_give_the_same_batches(tmp_path: Path) -> None:
    folder(tmp_path)
    kept, read = (load(tmp_path, in_memory=choice) for choice in (True, False))
    pairs = zip(
        *(evaluation_batches(data, "test", batch_size=4) for data in (kept, read)), strict=True
    )
    for first, second in pairs:
        np.testing.assert_array_equal(first["inputs"], second["inputs"])
        np.testing.assert_array_equal(first["labels"], second["labels"])
    np.testing.assert_array_equal(kept.preprocess.mean, read.preprocess.mean)


def test_split_folders_are_the_splits(tmp_path: Path) -> None:
    data = load(folder(tmp_path, ("train", "val", "test")))
    assert {k: len(v) for k, v in data.splits.items()} == {
        "train": 30,
        "validation": 30,
        "test": 30,
    }
    data = load(folder(tmp_path / "two", ("train", "test")), validation_fraction=0.2)
    assert {k: len(v) for k, v in data.splits.items()} == {"train": 24, "validation": 6, "test": 30}


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    first = load(folder(tmp_path)).fingerprint
    assert load(tmp_path, batch_size=9).fingerprint == first
    assert load(tmp_path, size=(5, 5)).fingerprint != first
    save(tmp_path / "cat" / "0.png", 99)
    assert load(tmp_path).fingerprint != first
    assert load(tmp_path).splits["train"].gather(np.arange(21))["inputs"].max() > 98


def test_one_channel(tmp_path: Path) -> None:
    data = load(folder(tmp_path), channels=1)
    assert data.spec.inputs == Field((4, 5, 1), "float32")


def test_the_middle_of_the_right_shape_is_resized() -> None:
    image = np.zeros((4, 12, 3), np.uint8)
    image[:, 4:8] = 200
    assert (as_size(image, (2, 2)) > 150).all()  # what lies beside it weighs in at the border
    assert as_size(np.zeros((4, 4), np.uint8), (2, 3)).shape == (2, 3, 1)


def test_a_photograph_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "photo.png", exif=exif)
    assert (decode_image(tmp_path / "photo.png", (4, 4), 3)[3] == 255).all()


def refused(root: Path, **arguments: object) -> str:
    with pytest.raises(InvalidConfig) as caught:
        load(root, **arguments)
    return str(caught.value)


def test_an_image_that_does_not_decode_is_named(tmp_path: Path) -> None:
    damaged = folder(tmp_path) / "dog" / "3.png"
    damaged.write_bytes(damaged.read_bytes()[:50])
    assert refused(tmp_path).startswith(f"path={damaged}: expected an 8-bit image; ")
    labels = np.zeros(1, np.int32)
    files = ImageFiles("files", (damaged,), labels, (4, 5), 3)
    with pytest.raises(InvalidConfig, match=r"dog/3\.png"):
        files.gather(np.zeros(1, int))
    damaged.write_bytes(b"no image at all")
    assert refused(tmp_path).startswith(f"path={damaged}: expected an 8-bit image; ")


def test_sixteen_bits_are_not_cut_to_eight(tmp_path: Path) -> None:
    deep = folder(tmp_path) / "dog" / "3.png"
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(deep)
    assert f"path={deep}: expected an 8-bit image; its pixels are of type I;16" in refused(tmp_path)


def test_folders_that_are_no_set_of_images(tmp_path: Path) -> None:
    assert "expected an existing folder" in refused(tmp_path / "pictures")
    (tmp_path / "readme.txt").write_text("")
    assert "a folder for each of two or more classes; it has readme.txt" in refused(tmp_path)
    folder(tmp_path)
    (tmp_path / "ant").mkdir()
    assert f"path={tmp_path}/ant: expected images (.bmp, " in refused(tmp_path)


def test_a_test_class_that_training_does_not_have(tmp_path: Path) -> None:
    folder(tmp_path, ("train", "test"))
    (tmp_path / "test" / "cat").rename(tmp_path / "test" / "cats")
    line = refused(tmp_path)
    assert f"path={tmp_path}/test/cats: expected a class that is in training too" in line
    assert "did you mean 'cat'?" in line


def test_a_split_without_classes(tmp_path: Path) -> None:
    folder(tmp_path, ("train",))
    (tmp_path / "test").mkdir()
    assert refused(tmp_path) == f"path={tmp_path}: expected images in each split"
