"""Programs of an artifact, compiled once for each size of batch and kept between processes."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.export
import numpy as np

from framework.artifact.errors import ArtifactError

Arrays = Mapping[str, Any]
CACHE = ("keys", "values")


def load_program(path: Path, platforms: Sequence[str], *, decodes: bool = False) -> Any:
    """The exported function `(weights, inputs) -> outputs` of a file, jitted.

    Args:
        decodes: its cache is given away, and the one that it returns lies in the same memory.

    Raises:
        ArtifactError: it is no program, or not for the platform of this process.
    """
    here = jax.default_backend()
    here = {"gpu": "cuda"}.get(here, here)
    if here not in platforms:
        raise ArtifactError(f"{path}: made for {', '.join(platforms)}, but this process has {here}")
    try:
        exported = jax.export.deserialize(bytearray(path.read_bytes()))
    except OSError:
        raise
    except Exception as error:  # flatbuffers and jax raise what they like
        reason = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise ArtifactError(
            f"{path}: no program that jax {jax.__version__} can read ({reason[0]})"
        ) from error
    if not decodes:
        return jax.jit(exported.call)

    def call(weights: Any, given: Any, cache: Any) -> Any:
        return exported.call(weights, {**given, **cache})

    jitted = jax.jit(call, donate_argnums=2)

    def decode(weights: Any, inputs: Arrays) -> Any:
        cache = {name: inputs[name] for name in CACHE}
        return jitted(weights, {n: a for n, a in inputs.items() if n not in CACHE}, cache)

    return decode


def keep_compiled() -> None:
    """Compiled programs are kept in $FRAMEWORK_CACHE, unless the process has a place of its own."""
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    cache = Path(os.environ.get("FRAMEWORK_CACHE") or Path.home() / ".cache" / "framework")
    jax.config.update("jax_compilation_cache_dir", str(cache / "programs"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def padded(arrays: Arrays, size: int) -> dict[str, np.ndarray]:
    """Each array [n, …] with zeros behind it, [size, …]."""
    return {name: _padded(array, size) for name, array in arrays.items()}


def _padded(array: np.ndarray, size: int) -> np.ndarray:
    if len(array) == size:
        return array
    whole = np.zeros((size, *array.shape[1:]), array.dtype)
    whole[: len(array)] = array
    return whole


def size_for(count: int, sizes: tuple[int, ...]) -> int:
    """The smallest of `sizes` (ascending) that holds `count`, else the largest."""
    return next((size for size in sizes if size >= count), sizes[-1])
