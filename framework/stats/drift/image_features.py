"""What a camera or a pipeline changes about images, as a few numbers an image."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Features = dict[str, NDArray[np.float32]]


def image_features(images: ArrayLike) -> Features:
    """Features [n] by name, in float32; a batch at a time bounds the memory.

    - `mean` and `contrast`: mean and standard deviation of the grey image.
    - `edges`: mean length of its gradient, by differences of neighbours.
    - `sharpness`: variance of its Laplacian, which blur lowers and noise raises.
    - `dark`, `bright`: shares of grey pixels below 0.05 and above 0.95.
    - `channel_0`, …: mean of each channel, where there are several.
    - `saturation`: mean of (largest − smallest) / largest channel, of three channels.

    Args:
        images: [n, height, width] or [n, height, width, channels], three pixels or more a side;
            integers are divided by the largest of their type, floats are taken as they are.

    Raises:
        ValueError: another shape, or images too small for a Laplacian.
    """
    array = np.asarray(images)
    if array.ndim not in (3, 4) or min(array.shape[1:3]) < 3 or 0 in array.shape[3:]:
        raise ValueError(
            f"images must be [n, height, width(, channels)] of 3 pixels or more, not {array.shape}"
        )
    pixels = (array if array.ndim == 4 else array[..., None]).astype(np.float32)
    if array.dtype.kind in "iu":
        pixels /= np.iinfo(array.dtype).max
    channels = pixels.shape[-1]
    grey = pixels.mean(axis=-1)
    down, right = np.diff(grey, axis=1)[:, :, :-1], np.diff(grey, axis=2)[:, :-1]
    inner = grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    features = {
        "mean": grey.mean(axis=(1, 2)),
        "contrast": grey.std(axis=(1, 2)),
        "edges": np.hypot(down, right).mean(axis=(1, 2)),
        "sharpness": (around - 4 * inner).var(axis=(1, 2)),
        "dark": (grey < 0.05).mean(axis=(1, 2), dtype=np.float32),
        "bright": (grey > 0.95).mean(axis=(1, 2), dtype=np.float32),
    }
    if channels > 1:
        means = pixels.mean(axis=(1, 2))
        features |= {f"channel_{number}": means[:, number] for number in range(channels)}
    if channels == 3:
        largest, smallest = pixels.max(axis=-1), pixels.min(axis=-1)
        ratio = np.zeros_like(largest)
        np.divide(largest - smallest, largest, out=ratio, where=largest > 0)
        features["saturation"] = ratio.mean(axis=(1, 2))
    return features
