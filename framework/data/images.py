"""What all sets of images share: their field, their statistics and their preprocessing."""

import numpy as np

from framework.config import InvalidConfig, Problem
from framework.data.preprocess import Images
from framework.data.source import Source
from framework.spec import Field

IN_MEMORY_BYTES = 2**30
"""Decoded images are kept in memory up to this size, unless the config says otherwise."""

SAMPLE = 2000
"""Images from which statistics are taken where each must be decoded for it."""

_CHUNK = 500
"""Images whose pixels are counted at once: few enough to stay in the processor's cache."""


def image_field(shape: tuple[int, ...]) -> Field:
    """The field of images (h, w) or (h, w, c), as the model sees them."""
    height, width, channels = (*shape, 1)[:3]
    return Field(shape=(height, width, channels), dtype="float32")


def image_preprocess(
    train: Source,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
    examples: int | None = None,
) -> Images:
    """Standardising by the given mean and deviation of each channel, else by those of `train`.

    `examples` limits how many training images are looked at, evenly over the split.
    """
    channels = np.shape(train.gather(np.zeros(1, np.int64))["inputs"])[3:] or (1,)
    for key, given in (("mean", mean), ("std", std)):
        if given is not None and len(given) not in (1, *channels):
            raise InvalidConfig(Problem(key, given, f"a number for each of {channels[0]} channels"))
    if std is not None and min(std) <= 0:
        raise InvalidConfig(Problem("std", std, "numbers above 0"))
    if mean is None or std is None:
        found_mean, found_std = pixel_statistics(train, examples)
    return Images(
        mean=np.asarray(found_mean if mean is None else mean, np.float32),
        std=np.asarray(found_std if std is None else std, np.float32),
    )


def learned_of(preprocess: Images) -> dict[str, tuple[float, ...]]:
    """The arguments with which other images are standardised alike."""
    return {
        "mean": tuple(float(value) for value in np.ravel(preprocess.mean)),
        "std": tuple(float(value) for value in np.ravel(preprocess.std)),
    }


def pixel_statistics(source: Source, examples: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of each channel of uint8 images, float64 [c] each, exactly.

    Counts of the 256 values are exact, so the numbers are the same on every machine.
    """
    total = len(source)
    places = np.linspace(0, total - 1, min(total, examples or total)).astype(np.int64)
    counts: np.ndarray | None = None
    for first in range(0, len(places), _CHUNK):
        images = np.asarray(source.gather(places[first : first + _CHUNK])["inputs"])
        pixels = images.reshape(-1, images.shape[3] if images.ndim == 4 else 1)
        found = np.stack([np.bincount(channel, minlength=256) for channel in pixels.T])
        counts = found if counts is None else counts + found
    assert counts is not None, "a split has at least one example"
    share = counts / counts.sum(axis=1, keepdims=True)
    mean = share @ np.arange(256)
    variance = share @ np.arange(256) ** 2 - mean**2
    std = np.sqrt(np.maximum(variance, 0))
    return mean, np.where(std > 0, std, 1.0)  # a constant channel carries nothing to scale
