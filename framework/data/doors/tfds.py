"""Any TFDS set of images or arrays, by its name."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from framework.config import Fraction, InvalidConfig, NonNegativeInt, PositiveInt, Problem, nearest
from framework.data.augment import Augmentation
from framework.data.cache import cache_directory, prepared
from framework.data.dataset import Data
from framework.data.fingerprint import fingerprint
from framework.data.images import IN_MEMORY_BYTES, SAMPLE, image_field, image_preprocess
from framework.data.labels import check_classes
from framework.data.preprocess import Identity, Preprocess
from framework.data.records import (
    Records,
    declared_splits,
    open_split,
    prepared_builder,
    set_digest,
)
from framework.data.source import ArraySource, Source
from framework.data.splits import described, with_splits
from framework.spec import Field, Labels, Spec


def tfds(
    name: str,
    *,
    batch_size: PositiveInt,
    path: str | None = None,
    inputs: str | None = None,
    label: str | None = None,
    splits: Mapping[str, str] | None = None,
    size: tuple[PositiveInt, PositiveInt] | None = None,
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
    """The set `name`, found or prepared in the TFDS folder `path` (by default TFDS's own).

    `path` may also be the folder of one prepared set. `inputs` and `label` are features, by
    default the set's supervised keys: an image or an array, and a class, an integer or numbers.
    `splits` maps our names to TFDS's (`train[:90%]`); without it those of the set that are called
    train, validation and test. One that is missing is a seeded fraction of train. Images of
    various sizes need `size`. For `in_memory` see `framework.data.image_folder`.
    """
    builder = prepared_builder(name, path)
    inputs, label = _features(builder, inputs, label)
    shape, dtype = _shape(builder.info.features[inputs], inputs, size)
    records = {
        split: Records(
            f"{builder.info.full_name}/{part}",
            open_split(builder, part),
            inputs,
            label,
            dtype,
            size,
        )
        for split, part in declared_splits(builder, splits).items()
    }
    total = sum(map(len, records.values())) * math.prod(shape) * np.dtype(dtype).itemsize
    keep = total <= IN_MEMORY_BYTES if in_memory is None else in_memory
    digest = set_digest(builder, keep)
    whole: Mapping[str, Source] = _in_memory(records, digest, cache) if keep else records
    fractions = {"validation": validation_fraction, "test": test_fraction}
    found = with_splits(whole, fractions, seed=split_seed, classes=_strata(whole["train"]))
    preprocess: Preprocess = Identity()
    if dtype == "uint8":
        preprocess = image_preprocess(found["train"], mean, std, None if keep else SAMPLE)
    decisions = {split: repr(source) for split, source in records.items()}
    return Data(
        name=builder.name,
        spec=Spec(
            inputs=image_field(shape) if dtype == "uint8" else Field(shape, dtype),
            labels=_labels(builder.info.features[label], label, whole),
        ),
        splits=found,
        fingerprint=fingerprint({"set": digest}, {**decisions, "splits": described(found)}),
        batch_size=batch_size,
        preprocess=preprocess,
        augmentations=augmentations,
        workers=workers,
    )


def _features(builder: Any, inputs: str | None, label: str | None) -> tuple[str, str]:
    """Names of the two features: as given, else the set's supervised keys."""
    known = list(builder.info.features)
    keys = builder.info.supervised_keys or (None, None)
    chosen = {"inputs": inputs or keys[0], "label": label or keys[1]}
    for key, feature in chosen.items():
        if feature not in known:
            hint = nearest(str(feature), known)
            raise InvalidConfig(Problem(key, feature, f"a feature of {builder.name}", hint))
    return str(chosen["inputs"]), str(chosen["label"])


def _shape(
    feature: Any, name: str, size: tuple[int, int] | None
) -> tuple[tuple[int, ...], Literal["uint8", "float32", "int32"]]:
    """Shape and type of an input as it is read: uint8 stays for images alone."""
    shape = feature.shape
    # `np_dtype`, as `dtype` asks TensorFlow.
    kind = np.dtype(feature.np_dtype).kind if isinstance(shape, tuple) else "O"
    if kind not in "iufb":
        hint = f"it is a {type(feature).__name__}"
        raise InvalidConfig(Problem("inputs", name, "an image or an array of numbers", hint))
    if size is not None:
        shape = (*size, *shape[2:])
    if None in shape:
        hint = "give `size`, to which its images are resized"
        raise InvalidConfig(Problem("size", size, f"a size, as {name} has shape {shape}", hint))
    if np.dtype(feature.np_dtype) == np.uint8 and len(shape) in (2, 3):
        return shape, "uint8"
    return shape, "float32" if kind == "f" else "int32"


def _in_memory(
    records: Mapping[str, Records], digest: str, cache: str | None
) -> dict[str, ArraySource]:
    def decode() -> tuple[dict[str, np.ndarray], dict[str, str]]:
        arrays: dict[str, np.ndarray] = {}
        for split, source in records.items():
            batch = source.gather(np.arange(len(source)))
            arrays |= {f"{split}-{kind}": batch[kind] for kind in ("inputs", "labels")}
        return arrays, {}

    key = {"set": digest, **{split: repr(source) for split, source in records.items()}}
    arrays = prepared("tfds", key, cache_directory(cache), decode).arrays
    return {
        split: ArraySource(source.name, arrays[f"{split}-inputs"], arrays[f"{split}-labels"])
        for split, source in records.items()
    }


def _strata(train: Source) -> np.ndarray | None:
    """The classes of a split in memory; those of one on disk would all have to be read."""
    return train.labels if isinstance(train, ArraySource) and train.labels.ndim == 1 else None


def _labels(feature: Any, name: str, splits: Mapping[str, Source]) -> Labels:
    train = splits["train"]
    sample = train.gather(np.arange(min(len(train), SAMPLE)))["labels"]
    if sample.dtype == np.float32:
        names = [f"{name} {i}" for i in range(sample.shape[1])]
        return Labels("number", (name,) if len(names) == 1 else tuple(names))
    classes = tuple(getattr(feature, "names", None) or ())
    if not classes:
        if sample.ndim != 1 or not isinstance(train, ArraySource):
            hint = "a class label, or numbers, is needed"
            raise InvalidConfig(Problem("label", name, "a feature with known classes", hint))
        classes = tuple(map(str, range(int(train.labels.max()) + 1)))
    for source in splits.values():
        if isinstance(source, ArraySource):
            check_classes(source.labels, classes, source.name, key="label")
    return Labels("class", classes)
