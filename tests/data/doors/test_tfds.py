import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets
from PIL import Image

import framework.data
from framework.config import InvalidConfig
from framework.data import Data, Identity, Images
from framework.spec import Field, Labels

features = tensorflow_datasets.features


class Pictures(tensorflow_datasets.core.GeneratorBasedBuilder):
    """20 PNG images of two sizes, two classes, and what else a set may have."""

    VERSION = tensorflow_datasets.core.Version("1.0.0")
    name = "tests_pictures"

    def _info(self) -> Any:
        return tensorflow_datasets.core.DatasetInfo(
            builder=self,
            features=features.FeaturesDict(
                {
                    "image": features.Image(shape=(None, None, 3)),
                    "label": features.ClassLabel(names=["ash", "elm"]),
                    "vector": features.Tensor(shape=(4,), dtype=np.float64),
                    "count": features.Scalar(dtype=np.int64),
                    "height": features.Scalar(dtype=np.float32),
                    "title": features.Text(),
                }
            ),
            supervised_keys=("image", "label"),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples(0, 20), "test": self._generate_examples(20, 26)}

    def _generate_examples(self, first: int, last: int) -> Iterator[tuple[int, dict[str, Any]]]:
        for i in range(first, last):
            file = io.BytesIO()
            Image.fromarray(np.full((6 + i % 2, 6, 3), i, np.uint8)).save(file, "PNG")
            file.seek(0)
            yield (
                i,
                {
                    "image": file,
                    "label": i % 2,
                    "vector": np.full(4, i, np.float64),
                    "count": i % 3,
                    "height": i / 2,
                    "title": f"number {i}",
                },
            )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tfds")
    load(folder)  # prepares it
    return folder


def load(folder: Path, name: str = "tests_pictures", **arguments: object) -> Data:
    given = {"size": (6, 6), "path": str(folder), **arguments}
    return framework.data.tfds(name, batch_size=4, **given)


@pytest.mark.parametrize("in_memory", [True, False])
def test_images_and_classes(folder: Path, in_memory: bool) -> None:
    data = load(folder, in_memory=in_memory)
    assert {k: len(v) for k, v in data.splits.items()} == {"train": 18, "validation": 2, "test": 6}
    assert data.spec.inputs == Field((6, 6, 3), "float32")
    assert data.spec.labels == Labels("class", ("ash", "elm"))
    assert isinstance(data.preprocess, Images)
    for split in data.splits.values():
        batch = split.gather(np.arange(len(split)))
        assert batch["inputs"].dtype == np.uint8
        np.testing.assert_array_equal(batch["inputs"][:, 3, 3, 0] % 2, batch["labels"])
        assert batch["labels"].dtype == np.int32


def test_memory_and_disk_agree(folder: Path) -> None:
    first, second = (load(folder, in_memory=choice) for choice in (True, False))
    for split in ("test",):
        one, other = (data.splits[split].gather(np.arange(6)) for data in (first, second))
        np.testing.assert_array_equal(one["inputs"], other["inputs"])


def test_one_prepared_folder_is_enough(folder: Path) -> None:
    place = folder / "tests_pictures" / "1.0.0"
    assert load(place, name="anything").fingerprint == load(folder).fingerprint


def test_splits_may_be_slices(folder: Path) -> None:
    splits = {"train": "train[:50%]", "validation": "train[50%:]", "test": "test"}
    data = load(folder, splits=splits)
    assert {k: len(v) for k, v in data.splits.items()} == {"train": 10, "validation": 10, "test": 6}
    assert data.fingerprint != load(folder).fingerprint


def test_arrays_numbers_and_plain_integers(folder: Path) -> None:
    data = load(folder, inputs="vector", label="height", size=None)
    assert data.spec.inputs == Field((4,), "float32")
    assert data.spec.labels == Labels("number", ("height",))
    assert isinstance(data.preprocess, Identity)
    batch = data.splits["test"].gather(np.arange(6))
    assert batch["inputs"].dtype == batch["labels"].dtype == np.float32
    np.testing.assert_array_equal(batch["inputs"][:, :1], 2 * batch["labels"])
    counts = load(folder, inputs="vector", label="count", size=None)
    assert counts.spec.labels == Labels("class", ("0", "1", "2"))


def refused(folder: Path, **arguments: object) -> str:
    with pytest.raises(InvalidConfig) as caught:
        load(folder, **arguments)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_features_that_do_not_fit(folder: Path) -> None:
    line = refused(folder, inputs="imag")
    assert line.startswith(
        "inputs=imag: expected a feature of tests_pictures; did you mean 'image'"
    )
    assert "an image or an array of numbers; it is a Text" in refused(folder, inputs="title")
    assert "give `size`, to which its images are resized" in refused(folder, size=None)


def test_splits_that_are_not_there(folder: Path) -> None:
    line = refused(folder, splits={"train": "trian"})
    assert line.startswith(
        "splits=trian: expected a split of tests_pictures with examples; Unknown split"
    )
    assert "expected a `train` split; tests_pictures has test, train" in refused(
        folder, splits={"test": "test"}
    )


def test_an_unknown_name(folder: Path) -> None:
    line = refused(folder, name="fashion_mnst")
    assert line.startswith("name=fashion_mnst: expected a TFDS set or one prepared in")
    assert "did you mean 'fashion_mnist'?" in line


def test_a_set_that_cannot_be_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object, **named: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    line = refused(tmp_path, name="mnist")
    assert line.startswith(f"name=mnist: expected a set that is prepared in {tmp_path}/mnist/")
    assert "storage.googleapis.com cannot be reached; where there is a network, run `tfds" in line


def test_a_set_whose_code_needs_tensorflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*arguments: object, **named: object) -> None:
        print("a banner of many lines")
        raise ModuleNotFoundError("No module named 'tensorflow'")

    monkeypatch.setattr(tensorflow_datasets, "builder", fail)
    line = refused(tmp_path, name="titanic")
    assert "can be loaded now; its own code needs TensorFlow, which is not installed" in line
    assert capsys.readouterr().out == ""


def test_a_set_kept_in_another_format(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "tests_pictures" / "1.0.0"
    place.mkdir(parents=True)
    for file in (folder / "tests_pictures" / "1.0.0").iterdir():
        content = file.read_bytes()
        if file.suffix == ".json":
            content = content.replace(b"array_record", b"tfrecord")
        (place / file.name).write_bytes(content)
    line = refused(tmp_path)
    assert line.startswith(f"path={place}: expected a set kept as array_record, not as tfrecord;")


def test_an_empty_split_and_a_label_without_classes(folder: Path) -> None:
    line = refused(folder, splits={"train": "train", "test": "test[:0]"})
    assert line.startswith("splits=test[:0]: expected a split of tests_pictures with examples;")
    line = refused(folder, label="count", in_memory=False)
    assert line.startswith("label=count: expected a feature with known classes")
