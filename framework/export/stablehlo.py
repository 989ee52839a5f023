"""Programs in StableHLO: one file for a CPU, an NVIDIA GPU and a TPU, for batches of any size."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.export

PLATFORMS = ("cpu", "cuda", "tpu")
SUFFIX = ".stablehlo"


def write_program(
    file: Path,
    function: Callable[[Any, Any], Any],
    weights: Mapping[str, jax.ShapeDtypeStruct],
    inputs: Mapping[str, jax.ShapeDtypeStruct],
) -> dict[str, Any]:
    """Writes `(weights, inputs) -> outputs`; returns what the manifest says of it.

    `inputs` may have symbolic dimensions. The weights are arguments, not constants.
    """
    exported = jax.export.export(jax.jit(function), platforms=PLATFORMS)(
        dict(weights), dict(inputs)
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(exported.serialize())
    return {"platforms": list(PLATFORMS), "calling_convention": exported.calling_convention_version}
