"""Small data sets for the tests."""

import gzip
import struct
from pathlib import Path

import numpy as np

from framework.data import ArraySource, Augmentation, Data, Identity
from framework.spec import Field, Labels, Spec


def images(count: int, size: int = 6, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, size, size), np.uint8)


def data(
    examples: int,
    batch_size: int,
    *,
    augmentations: tuple[Augmentation, ...] = (),
    workers: int = 0,
    size: int = 6,
) -> Data:
    """Every split is the same set; the label is the index modulo 3."""
    labels = (np.arange(examples) % 3).astype(np.int32)
    source = ArraySource("made", images(examples, size), labels)
    return Data(
        name="made",
        spec=Spec(Field((size, size, 1), "float32"), Labels("class", ("a", "b", "c"))),
        splits=dict.fromkeys(("train", "validation", "test"), source),
        fingerprint="",
        batch_size=batch_size,
        preprocess=Identity(),
        augmentations=augmentations,
        workers=workers,
    )


def write_idx(path: Path, array: np.ndarray, code: int = 0x08) -> None:
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(array.dtype.newbyteorder(">")).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def idx_folder(folder: Path, train: int = 40, test: int = 10, classes: int = 4) -> Path:
    """Four gzipped files of 6×6 images."""
    folder.mkdir(exist_ok=True, parents=True)
    for part, count in (("train", train), ("t10k", test)):
        labels = (np.arange(count) % classes).astype(np.uint8)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images(count, seed=count))
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return folder


def text_folder(folder: Path, documents: int = 9, seed: int = 0) -> Path:
    """Files of a few hundred bytes, three more of them in a folder below."""
    random = np.random.default_rng(seed)
    (folder / "more").mkdir(parents=True)
    names = [f"work-{i}.txt" for i in range(documents)] + [f"more/part-{i}.txt" for i in range(3)]
    for name in names:
        words = random.choice(["thou", "naïve", "forsooth", "—", "a\r\n"], random.integers(20, 90))
        (folder / name).write_bytes(" ".join([name, *words]).encode())
    return folder
