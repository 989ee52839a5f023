"""TensorFlow's SavedModel, by jax2tf: what TF Serving loads.

The program inside is StableHLO for CPUs, CUDA GPUs and TPUs; the weights are variables beside it.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from framework.export.exportable import Exportable

PACKAGES: tuple[str, ...] = ("tensorflow",)
EXTRA = "savedmodel"
PRECISIONS: tuple[str, ...] = ("float32", "bfloat16", "int8", "int8_dynamic")
FILE = "saved_model.pb"
SIGNATURE = "serving_default"


def write(
    exportable: Exportable, folder: Path, platforms: Sequence[str] = ("cpu", "cuda", "tpu")
) -> Path:
    """Writes `saved_model.pb` and `variables/` into `folder`; returns the first's path."""
    import tensorflow as tf
    from jax.experimental import jax2tf

    inputs = exportable.symbolic_inputs()
    convert = jax2tf.convert(
        exportable.function,
        polymorphic_shapes=[None, {n: str(x.shape) for n, x in inputs.items()}],
        with_gradient=False,
        native_serialization_platforms=tuple(platforms),
    )
    module = tf.Module()
    module.held = [tf.Variable(w, trainable=False, name=n) for n, w in exportable.weights.items()]
    named = dict(zip(exportable.weights, module.held, strict=True))
    specs = {
        name: tf.TensorSpec([None, *one.shape], one.dtype, name)
        for name, one in exportable.inputs.items()
    }
    module.predict = tf.function(lambda **given: convert(named, given), autograph=False)
    signature = module.predict.get_concrete_function(**specs)
    tf.saved_model.save(module, str(folder), signatures={SIGNATURE: signature})
    return folder / FILE


def open_(folder: Path) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """The model in `folder`, run by TensorFlow."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))  # which the function keeps: it holds the variables
    run = loaded.signatures[SIGNATURE]

    def predict(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        assert loaded is not None
        found = run(**{name: tf.constant(array) for name, array in inputs.items()})
        return {name: tensor.numpy() for name, tensor in found.items()}

    return predict
