"""ONNX, by jax2onnx; run by ONNX Runtime.

The program is traced by JAX alone and only then handed to jax2onnx, which otherwise puts layers
of its own in the place of Flax's and fails on some of their arguments.
"""

from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from framework.export.exportable import Arrays, Exportable
from framework.export.formats.rewrite import Rewrite, rewritten
from framework.export.formats.rewrites import pad_by_parts, pool_by_slices, select_truth

PACKAGES = ("jax2onnx", "onnx", "onnxruntime")
EXTRA = "onnx"
FILE = "model.onnx"
REWRITES: dict[str, Rewrite] = {
    # ONNX Runtime pools over three axes at most, and jax2onnx pools over all four.
    "reduce_window_max": pool_by_slices,
    "pad": pad_by_parts,  # jax2onnx 0.13 wants fixed shapes
    "select_n": select_truth,  # ONNX Runtime's Where takes no truth values
}


def write(exportable: Exportable, folder: Path) -> Path:
    """Writes `model.onnx` with the weights in it; returns its path."""
    import jax2onnx

    inputs = exportable.symbolic_inputs()
    outputs = list(exportable.outputs)

    def function(*arrays: jax.Array) -> list[jax.Array]:
        given = dict(zip(inputs, arrays, strict=True))
        weights: Arrays = {name: jnp.asarray(w) for name, w in exportable.weights.items()}
        found = exportable.function(weights, given)
        return [found[name] for name in outputs]

    program = jax.make_jaxpr(rewritten(function, REWRITES))(*inputs.values())
    model = jax2onnx.to_onnx(
        core.jaxpr_as_fun(program),
        list(inputs.values()),
        input_names=list(inputs),
        output_names=outputs,
        model_name="model",
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_bytes(model.SerializeToString())
    return path


def open_(folder: Path) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """The model in `folder` on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / FILE), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def predict(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, inputs), strict=True))

    return predict
