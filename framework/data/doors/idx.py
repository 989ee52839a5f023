"""Images and labels in IDX files: MNIST, Fashion-MNIST, KMNIST, EMNIST."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from framework.config import Fraction, InvalidConfig, NonNegativeInt, PositiveInt, Problem
from framework.data.augment import Augmentation
from framework.data.cache import cache_directory, prepared
from framework.data.dataset import Data
from framework.data.files import existing, listed, read_bytes
from framework.data.fingerprint import fingerprint
from framework.data.idx_file import parse_idx
from framework.data.images import image_field, image_preprocess, learned_of
from framework.data.labels import check_classes
from framework.data.source import ArraySource
from framework.data.splits import described, with_splits
from framework.spec import Labels, Spec

_PARTS = {"train": ("train",), "test": ("t10k", "test")}


def idx(
    path: str,
    *,
    batch_size: PositiveInt,
    classes: tuple[str, ...] | None = None,
    validation_fraction: Fraction = 0.1,
    split_seed: NonNegativeInt = 0,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    augmentations: tuple[Augmentation, ...] = (),
    workers: NonNegativeInt = 0,
    cache: str | None = None,
) -> Data:
    """The folder `path` of four files, gzipped or not; the test files are the `test` split.

    Names are like `train-images-idx3-ubyte`, `train-labels-idx1-ubyte` and the same with `t10k`
    (or `test`). Validation is a stratified seeded fraction of the training files. `classes` names
    labels 0, 1, …; without it they are named by their numbers.
    """
    folder = existing(path)
    files = {
        f"{split}_{kind}": _find(folder, names, kind)
        for split, names in _PARTS.items()
        for kind in ("images", "labels")
    }
    content = {name: read_bytes(file) for name, file in files.items()}
    digests = {name: hashlib.sha256(text).hexdigest() for name, text in content.items()}
    found = prepared(
        "idx",
        {"version": 1, **digests},
        cache_directory(cache),
        lambda: ({name: parse_idx(files[name], text) for name, text in content.items()}, {}),
    )
    parts = {split: _part(found.arrays, files, split) for split in _PARTS}
    labels = parts["train"].labels
    names = classes or tuple(str(i) for i in range(int(labels.max()) + 1))
    for split, part in parts.items():
        check_classes(part.labels, names, files[f"{split}_labels"])
    splits = with_splits(
        parts, {"validation": validation_fraction}, seed=split_seed, classes=labels
    )
    shape = found.arrays["train_images"].shape[1:]
    preprocess = image_preprocess(splits["train"], mean, std)
    return Data(
        name=folder.name,
        spec=Spec(inputs=image_field(shape), labels=Labels("class", names)),
        splits=splits,
        fingerprint=fingerprint(found.digests, {"splits": described(splits), "classes": names}),
        batch_size=batch_size,
        preprocess=preprocess,
        augmentations=augmentations,
        workers=workers,
        learned={**learned_of(preprocess), "classes": names},
    )


def _find(folder: Path, parts: tuple[str, ...], kind: str) -> Path:
    files = listed(folder)
    found = [f for f in files if kind in f.name and any(part in f.name for part in parts)]
    if len(found) == 1:
        return found[0]
    name = f"{parts[0]}-{kind}-idx{3 if kind == 'images' else 1}-ubyte"
    seen = ", ".join(f.name for f in (found or files)[:8]) or "nothing"
    raise InvalidConfig(
        Problem("path", folder, f"a folder with one {name} (or .gz)", f"it has {seen}")
    )


def _part(arrays: Mapping[str, np.ndarray], files: Mapping[str, Path], split: str) -> ArraySource:
    images, labels = arrays[f"{split}_images"], arrays[f"{split}_labels"]
    place = files[f"{split}_images"]
    if images.ndim not in (3, 4) or images.dtype != np.uint8:
        hint = f"it holds {images.dtype} {images.shape}"
        raise InvalidConfig(Problem("path", place, "uint8 images", hint))
    if len(images) == 0 or labels.shape != (len(images),):
        hint = f"{len(images)} images and labels of shape {labels.shape}"
        raise InvalidConfig(Problem("path", place, "images and as many labels", hint))
    return ArraySource(f"{place.parent.name}/{split}", images, labels.astype(np.int32))
