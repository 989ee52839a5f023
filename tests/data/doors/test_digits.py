import json
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import framework.data
from framework.config import InvalidConfig
from framework.data import Data
from framework.spec import Field, Labels


def everything(data: Data) -> tuple[np.ndarray, np.ndarray]:
    parts = [source.gather(np.arange(len(source))) for source in data.splits.values()]
    return (
        np.concatenate([part["inputs"] for part in parts]),
        np.concatenate([part["labels"] for part in parts]),
    )


def test_the_scans_are_those_of_scikit_learn(digits: Data) -> None:
    from sklearn.datasets import load_digits

    images, labels = everything(digits)
    wanted = load_digits()
    order, wanted_order = (np.lexsort(a.reshape(1797, -1).T) for a in (images, wanted.images))
    np.testing.assert_array_equal(images[order], wanted.images[wanted_order])
    np.testing.assert_array_equal(labels[order], wanted.target[wanted_order])
    assert images.dtype == np.uint8


def test_splits_and_spec(digits: Data) -> None:
    sizes = {name: len(split) for name, split in digits.splits.items()}
    assert sizes == {"train": 1257, "validation": 180, "test": 360}
    assert digits.spec.inputs == Field((8, 8, 1), "float32")
    assert digits.spec.labels == Labels("class", tuple("0123456789"))
    train = digits.splits["train"].gather(np.arange(1257))["inputs"]
    standardised = np.asarray(digits.preprocess(train))
    assert abs(standardised.mean()) < 1e-4
    assert abs(standardised.std() - 1) < 1e-4


def test_the_fingerprint_is_of_content_and_splits_only(digits: Data) -> None:
    again = framework.data.digits(batch_size=7, augmentations=(framework.data.RandomShift(1),))
    assert again.fingerprint == digits.fingerprint
    for other in ({"split_seed": 1}, {"test_fraction": 0.3}):
        assert framework.data.digits(batch_size=7, **other).fingerprint != digits.fingerprint


def test_given_statistics_are_used(digits: Data) -> None:
    given = framework.data.digits(batch_size=7, mean=(0.0,), std=(16.0,))
    assert (given.preprocess.mean, given.preprocess.std) == (0, 16)
    with pytest.raises(InvalidConfig, match=r"mean=.*expected a number for each of 1 channels"):
        framework.data.digits(batch_size=7, mean=(0.0, 1.0))
    with pytest.raises(InvalidConfig, match=r"std=.*expected numbers above 0"):
        framework.data.digits(batch_size=7, std=(0.0,))


def test_a_later_start_imports_neither_tfds_nor_scikit_learn(digits: Data) -> None:
    code = (
        "import sys, framework.data; framework.data.digits(batch_size=4);"
        "heavy = {'tensorflow_datasets', 'sklearn', 'grain', 'pyarrow', 'PIL', 'pandas'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_damaged_cache_is_made_again(
    digits: Data, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    framework.data.digits(batch_size=4, cache=str(tmp_path))
    assert (tmp_path / "tfds" / "framework_digits" / "1.0.0" / "dataset_info.json").is_file()
    (place,) = tmp_path.glob("digits-*")
    content = bytearray((place / "images.npy").read_bytes())
    content[500] ^= 1
    (place / "images.npy").write_bytes(content)
    with caplog.at_level(logging.WARNING):
        again = framework.data.digits(batch_size=4, cache=str(tmp_path))
    assert "is damaged (images.npy is not what was written): making it again" in caplog.text
    assert again.fingerprint == digits.fingerprint
    assert sorted(json.loads((place / "content.json").read_text())["arrays"]) == [
        "images",
        "labels",
    ]


def test_a_cache_that_cannot_be_written_is_only_a_warning(
    digits: Data, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with caplog.at_level(logging.WARNING):
        found = framework.data.digits(batch_size=4, cache=str(tmp_path / "file"))
    assert "could not keep" in caplog.text
    assert found.fingerprint == digits.fingerprint
