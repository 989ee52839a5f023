"""ONNX, by jax2onnx; run by ONNX Runtime.

The program is traced by JAX alone and only then handed to jax2onnx, which otherwise puts layers
of its own in the place of Flax's and fails on some of their arguments.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from framework.export.exportable import Arrays, Exportable
from framework.export.formats.rewrite import Rewrite, rewritten
from framework.export.formats.rewrites import (
    pad_by_parts,
    pool_by_slices,
    select_truth,
    stack_by_parts,
)

PACKAGES: tuple[str, ...] = ("jax2onnx", "onnx", "onnxruntime")
EXTRA = "onnx"
# ONNX Runtime has neither products of bfloat16 on CPUs nor those that XLA makes of int8.
PRECISIONS: tuple[str, ...] = ("float32", "int8")
FILE = "model.onnx"
OPSET = 21  # what ONNX Runtime reads from 1.18 on
REWRITES: dict[str, Rewrite] = {
    # ONNX Runtime pools over three axes at most, and jax2onnx pools over all four.
    "reduce_window_max": pool_by_slices,
    "pad": pad_by_parts,  # jax2onnx 0.13 wants fixed shapes
    "stack": stack_by_parts,  # jax2onnx 0.13 does not know it
    "select_n": select_truth,  # ONNX Runtime's Where takes no truth values
}


def write(exportable: Exportable, folder: Path) -> Path:
    """Writes `model.onnx` with the weights in it; returns its path."""
    inputs = exportable.symbolic_inputs()
    program = jax.make_jaxpr(rewritten(_flat(exportable), REWRITES))(*inputs.values())
    with _left_as_it_is():
        import jax2onnx

        model = jax2onnx.to_onnx(
            core.jaxpr_as_fun(program),
            list(inputs.values()),
            input_names=list(inputs),
            output_names=list(exportable.outputs),
            model_name="model",
            opset=OPSET,
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_bytes(model.SerializeToString())
    return path


def open_(folder: Path) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """The model in `folder` on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors: it also tells of each constant that it folds
    session = onnxruntime.InferenceSession(
        str(folder / FILE), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def predict(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, inputs), strict=True))

    return predict


def _flat(exportable: Exportable) -> Callable[..., list[jax.Array]]:
    """From arrays to arrays, in the order of their names; the weights are constants."""

    def function(*arrays: jax.Array) -> list[jax.Array]:
        inputs = dict(zip(exportable.inputs, arrays, strict=True))
        weights: Arrays = {name: jnp.asarray(w) for name, w in exportable.weights.items()}
        found = exportable.function(weights, inputs)
        # An output that is an input as it is would have to bear both names.
        given = {id(array) for array in arrays}
        outputs = [found[name] for name in exportable.outputs]
        return [one * jnp.ones((), one.dtype) if id(one) in given else one for one in outputs]

    return function


@contextlib.contextmanager
def _left_as_it_is() -> Iterator[None]:
    """jax2onnx 0.13 leaves a `jnp.cumsum` that takes less than JAX's, and tells of its parts."""
    before = dict(vars(jnp))
    loggers = [logging.getLogger(name) for name in ("jax2onnx", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        vars(jnp).update(before)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
