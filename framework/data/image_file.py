"""Image files as arrays, and a split of them that is decoded a batch at a time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from framework.config import InvalidConfig, Problem
from framework.data.source import Batch

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp")


def decode_image(path: Path, size: tuple[int, int], channels: int) -> np.ndarray:
    """Uint8 [h, w, channels]: turned upright, cut to the shape of `size` and resized to it.

    Raises InvalidConfig that names the file if it is damaged or has more than 8 bits a channel.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(path) as opened:
            if opened.mode.startswith(("I", "F")):
                raise ValueError(f"its pixels are of type {opened.mode}, more than 8 bits")
            upright = ImageOps.exif_transpose(opened).convert("L" if channels == 1 else "RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InvalidConfig(Problem("path", path, "an 8-bit image", str(error))) from error
    return as_size(np.asarray(upright), size)


def as_size(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Uint8 [h, w, c] of any size: the largest middle part of the shape of `size`, resized."""
    from PIL import Image, ImageOps

    channels = image.shape[2] if image.ndim == 3 else 1
    if image.shape[:2] != tuple(size):
        picture = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
        fitted = ImageOps.fit(picture, size[::-1], Image.Resampling.BILINEAR)
        image = np.asarray(fitted)
    return image.reshape(*size, channels)


@dataclass(frozen=True, repr=False)
class ImageFiles:
    """A split on disk: files and their classes (int32 [n]), decoded when they are gathered."""

    name: str
    paths: tuple[Path, ...]
    labels: np.ndarray
    size: tuple[int, int]
    channels: int

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"ImageFiles({self.name}, {len(self)}, {self.size}, {self.channels})"

    def gather(self, indices: np.ndarray) -> Batch:
        """Images uint8 [b, h, w, c] and labels int32 [b]."""
        images = [decode_image(self.paths[i], self.size, self.channels) for i in indices]
        return {"inputs": np.stack(images), "labels": np.take(self.labels, indices)}
