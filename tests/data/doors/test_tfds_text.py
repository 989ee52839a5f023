from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow_datasets

import framework.data
from framework.config import InvalidConfig
from framework.data import Data
from tests.data.doors.test_text import texts

features = tensorflow_datasets.features
TEXTS = [f"verse {i}: {'la ' * i} naïve" for i in range(30)]


class Verses(tensorflow_datasets.core.GeneratorBasedBuilder):
    """30 texts, and ten more with an empty one among them."""

    VERSION = tensorflow_datasets.core.Version("1.0.0")
    name = "tests_verses"

    def _info(self) -> Any:
        return tensorflow_datasets.core.DatasetInfo(
            builder=self,
            features=features.FeaturesDict(
                {"verse": features.Text(), "number": features.Scalar(dtype=np.int64)}
            ),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        rest = [f"later {i}" for i in range(9)] + [""]
        return {
            "train": self._generate_examples(TEXTS),
            "test": self._generate_examples(rest),
            "empty": self._generate_examples([""]),
        }

    def _generate_examples(self, texts: list[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        for i, text in enumerate(texts):
            yield i, {"verse": text, "number": i}


def load(folder: Path, name: str = "tests_verses", **arguments: object) -> Data:
    given = {"path": str(folder), "sequence_length": 8, "batch_size": 2, **arguments}
    return framework.data.tfds_text(name, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tfds")
    load(folder)  # prepares it, without TensorFlow
    return folder


def test_its_splits_and_a_share_of_train(folder: Path) -> None:
    data = load(folder)
    train, validation = texts(data, "train"), texts(data, "validation")
    assert train | validation == set(TEXTS)
    assert not train & validation
    assert texts(data, "test") == {f"later {i}" for i in range(9)}
    assert data.name == "tests_verses"


def test_one_prepared_folder_is_enough(folder: Path) -> None:
    place = folder / "tests_verses" / "1.0.0"
    assert load(place, name="anything").fingerprint == load(folder).fingerprint


def test_splits_may_be_slices(folder: Path) -> None:
    data = load(folder, splits={"train": "train[:50%]", "test": "train[50%:]"})
    parts = [texts(data, split) for split in data.splits]
    assert set.union(*parts) == set(TEXTS)
    assert sum(map(len, parts)) == 30
    assert data.fingerprint != load(folder).fingerprint


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"inputs": "vers"}, "inputs=vers: expected a text feature of tests_verses; did you mean"),
        ({"inputs": "number"}, "inputs=number: expected a text feature of tests_verses; choices:"),
        ({"splits": {"train": "empty"}}, "splits=empty: expected examples of tests_verses"),
        ({"splits": {"test": "test"}}, "splits={'test': 'test'}: expected a `train` split"),
        ({"splits": {"train": "test[:2]"}}, "validation_fraction=0.1: expected a document for"),
    ],
)
def test_mistakes(folder: Path, arguments: dict[str, object], line: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        load(folder, **arguments)
    assert str(caught.value).startswith(line)
    assert len(str(caught.value).splitlines()) == 1
