"""The handwritten digits that ship with scikit-learn: real data that needs no network."""

import contextlib
import io
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework.config import Fraction, NonNegativeInt, PositiveInt
from framework.data.augment import Augmentation
from framework.data.cache import cache_directory, prepared
from framework.data.dataset import Data
from framework.data.fingerprint import fingerprint
from framework.data.images import image_field, image_preprocess
from framework.data.source import ArraySource
from framework.data.splits import described, with_splits
from framework.spec import Labels, Spec


def digits(
    *,
    batch_size: PositiveInt,
    validation_fraction: Fraction = 0.1,
    test_fraction: Fraction = 0.2,
    split_seed: NonNegativeInt = 0,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    augmentations: tuple[Augmentation, ...] = (),
    workers: NonNegativeInt = 0,
    cache: str | None = None,
) -> Data:
    """1,797 scans of 8×8 pixels (0 to 16), ten classes, in stratified seeded splits.

    Prepared once by a TFDS builder into `cache`; later starts read arrays and import no TFDS.
    """
    directory = cache_directory(cache)
    found = prepared("digits", {"version": 1}, directory, lambda: _through_tfds(directory))
    images, labels = found.arrays["images"], found.arrays["labels"]
    fractions = {"validation": validation_fraction, "test": test_fraction}
    scans = {"train": ArraySource("digits", images, labels)}
    splits = with_splits(scans, fractions, seed=split_seed, classes=labels)
    classes = tuple(found.notes["classes"])
    return Data(
        name="digits",
        spec=Spec(inputs=image_field(images.shape[1:]), labels=Labels("class", classes)),
        splits=splits,
        fingerprint=fingerprint(found.digests, {"splits": described(splits), "classes": classes}),
        batch_size=batch_size,
        preprocess=image_preprocess(splits["train"], mean, std),
        augmentations=augmentations,
        workers=workers,
    )


def _through_tfds(directory: Path) -> tuple[Mapping[str, np.ndarray], Mapping[str, Any]]:
    """Prepares the TFDS set (array_record, no TensorFlow), keeps it in `directory`, reads it."""
    from framework.data.digits_builder import CLASSES, Digits

    with _folder_in(directory) as folder, contextlib.redirect_stdout(io.StringIO()):
        # A folder of its own: many processes may prepare at once, and any may be killed.
        builder = Digits(data_dir=str(folder))
        with contextlib.redirect_stderr(io.StringIO()):  # progress bars
            builder.download_and_prepare(file_format="array_record")
        scans = builder.as_data_source("scans")
        examples = scans.__getitems__(range(len(scans)))
        with contextlib.suppress(OSError):  # another process was first: the same set
            kept = directory / "tfds" / builder.name
            kept.mkdir(parents=True, exist_ok=True)
            Path(builder.data_dir).rename(kept / str(builder.version))
    arrays = {
        "images": np.stack([example["image"] for example in examples]),
        "labels": np.asarray([example["label"] for example in examples], np.int32),
    }
    return arrays, {"classes": CLASSES}


@contextlib.contextmanager
def _folder_in(directory: Path):  # type: ignore[no-untyped-def]
    """A temporary folder in `directory`, or in the system's where that cannot be written."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".digits-", dir=directory))
    except OSError:
        folder = Path(tempfile.mkdtemp())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
