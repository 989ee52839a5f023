"""The digits that ship with scikit-learn, as a TFDS builder.

Alpaydin and Kaynak, "Optical recognition of handwritten digits", UCI Machine Learning Repository,
1998: the 1,797 scans of its test set, 8×8 pixels of 0 to 16.
"""

import gzip
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

IMAGE_SHAPE = (8, 8)
CLASSES = tuple("0123456789")


class Digits(tfds.core.GeneratorBasedBuilder):  # type: ignore[misc]
    """One split, `scans`, in the order of scikit-learn's file."""

    VERSION = tfds.core.Version("1.0.0")
    # `pkg_dir_path` would look for this builder's metadata files, of which there are none.
    name = "framework_digits"

    def _info(self) -> Any:
        return tfds.core.DatasetInfo(
            builder=self,
            description=__doc__,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(shape=IMAGE_SHAPE, dtype=np.uint8),
                    "label": tfds.features.ClassLabel(names=CLASSES),
                }
            ),
            supervised_keys=("image", "label"),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:  # noqa: ARG002
        return {"scans": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        with gzip.open(_file(), "rt") as lines:
            rows = np.loadtxt(lines, delimiter=",", dtype=np.uint8)
        for number, row in enumerate(rows):
            yield number, {"image": row[:-1].reshape(IMAGE_SHAPE), "label": int(row[-1])}


def _file() -> Path:
    """The file inside scikit-learn, found without importing it (which takes seconds)."""
    found = importlib.util.find_spec("sklearn")
    assert found is not None, "scikit-learn is a dependency"
    assert found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "datasets" / "data" / "digits.csv.gz"
