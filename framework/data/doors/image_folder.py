"""Images in folders, one folder for each class."""

import hashlib
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from framework.config import Fraction, InvalidConfig, NonNegativeInt, PositiveInt, Problem, nearest
from framework.data.augment import Augmentation
from framework.data.cache import cache_directory, prepared
from framework.data.dataset import Data
from framework.data.files import existing, listed, read_bytes
from framework.data.fingerprint import fingerprint
from framework.data.image_file import SUFFIXES, ImageFiles, decode_image
from framework.data.images import IN_MEMORY_BYTES, SAMPLE, image_field, image_preprocess, learned_of
from framework.data.source import ArraySource
from framework.data.splits import described, with_splits
from framework.spec import Labels, Spec

_SPLITS = {"train": ("train",), "validation": ("validation", "val"), "test": ("test",)}


def image_folder(
    path: str,
    *,
    size: tuple[PositiveInt, PositiveInt],
    batch_size: PositiveInt,
    channels: Literal[1, 3] = 3,
    validation_fraction: Fraction = 0.1,
    test_fraction: Fraction = 0.2,
    split_seed: NonNegativeInt = 0,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    in_memory: bool | None = None,
    augmentations: tuple[Augmentation, ...] = (),
    workers: NonNegativeInt = 0,
    cache: str | None = None,
) -> Data:
    """`path`/class/image, or `path`/train/class/image with `validation` (or `val`) and `test`.

    A split that has no folder is a stratified seeded fraction of the training images. Images are
    cut to the shape of `size` (height, width) and resized. With `in_memory` (by default where all
    fit in 1 GiB) they are decoded once and kept; else for each batch, by `workers` processes, and
    the fingerprint covers the files' names and sizes, not their content.
    """
    folder = existing(path)
    files = _splits(folder)
    classes = tuple(p.name for p in files["train"])
    counted = {split: _files(found, classes, folder) for split, found in files.items()}
    total = sum(len(paths) for paths, _ in counted.values())
    small = total * math.prod(size) * channels <= IN_MEMORY_BYTES
    decoded = {
        split: ImageFiles(f"{folder.name}/{split}", paths, labels, size, channels)
        for split, (paths, labels) in counted.items()
    }
    keep = small if in_memory is None else in_memory
    digests = {name: _digest(found, folder, keep) for name, found in decoded.items()}
    whole = _in_memory(decoded, digests, cache) if keep else decoded
    fractions = {"validation": validation_fraction, "test": test_fraction}
    splits = with_splits(whole, fractions, seed=split_seed, classes=counted["train"][1])
    shape = (*size, channels)
    preprocess = image_preprocess(splits["train"], mean, std, None if keep else SAMPLE)
    return Data(
        name=folder.name,
        spec=Spec(inputs=image_field(shape), labels=Labels("class", classes)),
        splits=splits,
        fingerprint=fingerprint(
            digests, {"splits": described(splits), "shape": shape, "classes": classes}
        ),
        batch_size=batch_size,
        preprocess=preprocess,
        augmentations=augmentations,
        workers=workers,
        learned=learned_of(preprocess),
    )


def _splits(folder: Path) -> dict[str, list[Path]]:
    """For each split that has a folder (at least `train`) its class folders."""
    found: dict[str, list[Path]] = {}
    for split, names in _SPLITS.items():
        for name in names:
            if (folder / name).is_dir():
                found[split] = [p for p in listed(folder / name) if p.is_dir()]
    if "train" not in found:
        found = {"train": [p for p in listed(folder) if p.is_dir()]}
    if len(found["train"]) < 2:
        seen = ", ".join(p.name for p in listed(folder)[:8]) or "nothing"
        expected = "a folder with a folder for each of two or more classes"
        raise InvalidConfig(Problem("path", folder, expected, f"it has {seen}"))
    return found


def _files(
    folders: list[Path], classes: tuple[str, ...], root: Path
) -> tuple[tuple[Path, ...], np.ndarray]:
    paths: list[Path] = []
    labels: list[int] = []
    for folder in folders:
        if folder.name not in classes:
            hint = nearest(folder.name, classes)
            raise InvalidConfig(Problem("path", folder, "a class that is in training too", hint))
        images = [p for p in listed(folder) if p.suffix.lower() in SUFFIXES]
        if not images:
            expected = f"images ({', '.join(SUFFIXES)}) in each class folder"
            raise InvalidConfig(Problem("path", folder, expected))
        paths += images
        labels += [classes.index(folder.name)] * len(images)
    if not paths:
        raise InvalidConfig(Problem("path", root, "images in each split"))
    return tuple(paths), np.asarray(labels, np.int32)


def _digest(files: ImageFiles, root: Path, content: bool) -> str:
    digest = hashlib.sha256()
    for path, label in zip(files.paths, files.labels, strict=True):
        digest.update(f"{path.relative_to(root)}|{label}|{path.stat().st_size}\n".encode())
        if content:
            digest.update(read_bytes(path))
    return digest.hexdigest()


def _in_memory(
    files: Mapping[str, ImageFiles], digests: Mapping[str, str], cache: str | None
) -> dict[str, ArraySource]:
    def decode() -> tuple[dict[str, np.ndarray], dict[str, str]]:
        arrays = {}
        with ThreadPoolExecutor() as threads:  # Pillow decodes outside Python's lock
            for split, found in files.items():
                one = partial(decode_image, size=found.size, channels=found.channels)
                arrays[split] = np.stack(list(threads.map(one, found.paths)))
        return arrays, {}

    first = files["train"]
    key = {**digests, "size": first.size, "channels": first.channels}
    arrays = prepared("image_folder", key, cache_directory(cache), decode).arrays
    return {
        split: ArraySource(found.name, arrays[split], found.labels)
        for split, found in files.items()
    }
