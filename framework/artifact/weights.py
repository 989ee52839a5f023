"""Weights in safetensors files, read by memory map."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from framework.artifact.errors import ArtifactError


def write_weights(path: Path, weights: Mapping[str, np.ndarray]) -> None:
    """Writes arrays of any type that JAX has, bfloat16 too, by their names."""
    from safetensors.numpy import save

    # A view, or columns first, would be written as the memory lies.
    whole = {name: np.require(array, requirements="C") for name, array in weights.items()}
    path.write_bytes(save(whole))


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file; their bytes stay there until they are used.

    Raises:
        ArtifactError: the file is none of weights.
        OSError: it cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ArtifactError(f"{path}: no weights ({error})") from error
