"""Corruptions of images at five strengths, in the manner of ImageNet-C (arXiv:1903.12261).

Each takes raw images [n, h, w] or [n, h, w, c], the strength 1 to 5 and a generator, and gives
images of the same type and range. `white` is the value of white.
"""

from collections.abc import Callable

import numpy as np
from scipy import ndimage

Images = np.ndarray
Corruption = Callable[[Images, int, np.random.Generator], Images]


def noise(images: Images, strength: int, random: np.random.Generator) -> Images:
    """Gaussian noise of deviation 0.06 to 0.3 of white."""
    white = _white(images)
    spread = (0.06, 0.12, 0.18, 0.24, 0.3)[strength - 1] * white
    return _as(images, images + random.normal(0, spread, images.shape), white)


def blur(images: Images, strength: int, random: np.random.Generator) -> Images:
    """A Gaussian of deviation 2 to 10 % of the smaller side, 0.3 to 1.5 pixels at least."""
    del random
    sigma = strength * max(0.3, 0.02 * min(images.shape[1:3]))
    sigmas = (0, sigma, sigma, *(0,) * (images.ndim - 3))
    return _as(images, ndimage.gaussian_filter(images.astype(np.float32), sigmas), _white(images))


def brightness(images: Images, strength: int, random: np.random.Generator) -> Images:
    """Lighter by 10 to 50 % of white."""
    del random
    white = _white(images)
    return _as(images, images + 0.1 * strength * white, white)


def contrast(images: Images, strength: int, random: np.random.Generator) -> Images:
    """Differences from each image's mean shrink to 75 to 15 %."""
    del random
    kept = (0.75, 0.6, 0.45, 0.3, 0.15)[strength - 1]
    mean = images.mean(axis=(1, 2), keepdims=True)
    return _as(images, mean + kept * (images - mean), _white(images))


def rotation(images: Images, strength: int, random: np.random.Generator) -> Images:
    """Turned by 10 to 50 degrees, half of them either way."""
    turned = images.astype(np.float32)
    left = random.random(len(images)) < 0.5
    for side, sign in ((left, 1), (~left, -1)):
        if side.any():
            turned[side] = ndimage.rotate(
                turned[side], 10 * sign * strength, axes=(1, 2), reshape=False, order=1
            )
    return _as(images, turned, _white(images))


def occlusion(images: Images, strength: int, random: np.random.Generator) -> Images:
    """A grey square of 20 to 60 % of the side, anywhere."""
    height, width = images.shape[1:3]
    size = [max(1, round((0.1 + 0.1 * strength) * side)) for side in (height, width)]
    out = images.copy()
    tops = random.integers(0, height - size[0] + 1, len(images))
    lefts = random.integers(0, width - size[1] + 1, len(images))
    grey = np.asarray(_white(images) / 2).astype(images.dtype)
    for i, (top, left) in enumerate(zip(tops, lefts, strict=True)):
        out[i, top : top + size[0], left : left + size[1]] = grey
    return out


IMAGES: dict[str, Corruption] = {
    "noise": noise, "blur": blur, "brightness": brightness, "contrast": contrast,
    "rotation": rotation, "occlusion": occlusion,
}  # fmt: skip


def _white(images: Images) -> float:
    """255, or the brightest value of data that use less than half of that; 1 for floats."""
    brightest = float(np.max(images, initial=0))
    if images.dtype.kind == "f":
        return brightest if brightest > 1 else 1.0
    return brightest if 0 < brightest < 128 else 255.0


def _as(like: Images, images: np.ndarray, white: float) -> Images:
    clipped = np.clip(images, min(0.0, float(np.min(like, initial=0))), white)
    whole = np.rint(clipped) if like.dtype.kind in "iu" else clipped
    return np.asarray(whole, like.dtype)
