"""Random changes to images, each a pure function of a batch and of one key for each example.

They run on the host in vectorised NumPy. An example's change depends on its own key only: it is
the same in any batch, process and worker, and a resume repeats it.
"""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from framework.config import Fraction, NonNegativeInt, PositiveInt
from framework.data.random import Keys, integers, uniform
from framework.data.source import Batch
from framework.spec import Spec


class Augmentation(Protocol):
    """`keys` is uint64 [b], one for each example, a function of (seed, epoch, index)."""

    def __call__(self, batch: Batch, keys: Keys) -> Batch:
        """A new batch; the one given is not changed."""
        ...


@runtime_checkable
class AcrossExamples(Protocol):
    """An augmentation that combines examples: it is given the whole global batch.

    `bind` gives the same augmentation for one data set.
    """

    def __call__(self, batch: Batch, keys: Keys) -> Batch:
        """A new batch; the one given is not changed."""
        ...

    def bind(self, spec: Spec) -> Augmentation:
        """The augmentation that knows how many classes there are."""
        ...


@dataclass(frozen=True)
class RandomShift:
    """Moves each image by up to `pixels` in both directions; zeros come in at the border."""

    pixels: NonNegativeInt

    def __call__(self, batch: Batch, keys: Keys) -> Batch:
        """Images [b, h, w] or [b, h, w, c]."""
        return {**batch, "inputs": _windows(batch["inputs"], keys, self.pixels, "constant")}


@dataclass(frozen=True)
class RandomCrop:
    """A window of the image's own size from the image reflected by `padding` at the border.

    He et al., "Deep residual learning for image recognition", CVPR 2016, section 4.2, with
    reflection in place of zeros.
    """

    padding: NonNegativeInt

    def __call__(self, batch: Batch, keys: Keys) -> Batch:
        """Images [b, h, w] or [b, h, w, c]."""
        return {**batch, "inputs": _windows(batch["inputs"], keys, self.padding, "reflect")}


@dataclass(frozen=True)
class RandomFlip:
    """Mirrors left and right with the given probability."""

    probability: Fraction = 0.5

    def __call__(self, batch: Batch, keys: Keys) -> Batch:
        """Images [b, h, w] or [b, h, w, c]."""
        images = batch["inputs"]
        chosen = np.flatnonzero(uniform(keys) < self.probability)
        flipped = images.copy()
        flipped[chosen] = np.take(images, chosen, axis=0)[:, :, ::-1]
        return {**batch, "inputs": flipped}


@dataclass(frozen=True)
class Cutout:
    """Zeros in a square of `size` pixels, whose middle is anywhere in the image.

    DeVries and Taylor, "Improved regularization of convolutional neural networks with Cutout",
    arXiv 1708.04552: the square may reach over the border.
    """

    size: PositiveInt

    def __call__(self, batch: Batch, keys: Keys) -> Batch:
        """Images [b, h, w] or [b, h, w, c]."""
        images = batch["inputs"]
        rows = self._inside(images.shape[1], keys, draw=0)
        columns = self._inside(images.shape[2], keys, draw=1)
        cut = rows[:, :, None] & columns[:, None, :]
        cut = cut.reshape(cut.shape + (1,) * (images.ndim - 3))
        return {**batch, "inputs": np.where(cut, images.dtype.type(0), images)}

    def _inside(self, length: int, keys: Keys, draw: int) -> np.ndarray:
        first = integers(keys, 0, length, draw) - self.size // 2
        offset = np.arange(length) - first[:, None]
        return np.asarray((offset >= 0) & (offset < self.size))


IMAGES_ONLY = (RandomShift, RandomCrop, RandomFlip, Cutout)
"""The augmentations whose inputs must be images."""


def _windows(images: np.ndarray, keys: Keys, pixels: int, mode: str) -> np.ndarray:
    """One window of each image's size, from the image padded by `pixels`."""
    if pixels == 0:
        return images
    height, width = images.shape[1:3]
    border = [(0, 0), (pixels, pixels), (pixels, pixels), *[(0, 0)] * (images.ndim - 3)]
    padded = _padded(images, border, mode)
    # Windows of whole rows are copied as blocks: much faster than an index for every pixel.
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    windows = np.moveaxis(windows, 3, 5) if images.ndim == 4 else windows
    down = integers(keys, 0, 2 * pixels + 1, draw=0)
    right = integers(keys, 0, 2 * pixels + 1, draw=1)
    return np.asarray(windows[np.arange(len(images)), down, right])


def _padded(images: np.ndarray, border: list[tuple[int, int]], mode: str) -> np.ndarray:
    if mode == "reflect":
        return np.pad(images, border, mode="reflect")
    padded = np.zeros(
        [n + a + b for n, (a, b) in zip(images.shape, border, strict=True)], images.dtype
    )
    padded[tuple(slice(a, a + n) for n, (a, _) in zip(images.shape, border, strict=True))] = images
    return padded
