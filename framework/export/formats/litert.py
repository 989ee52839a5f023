"""LiteRT (formerly TensorFlow Lite): one file for phones and small machines.

TensorFlow's converter makes it of a SavedModel for CPUs; LiteRT's interpreter runs it without
TensorFlow.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from framework.export.exportable import Exportable
from framework.export.formats import savedmodel
from framework.export.formats.rewrite import Rewrite, rewritten
from framework.export.formats.rewrites import argmax_by_place, gather_by_comparison

PACKAGES: tuple[str, ...] = ("tensorflow", "ai_edge_litert")
EXTRA = "litert"
# Its operations take neither bfloat16 nor products as XLA makes them of int8.
PRECISIONS: tuple[str, ...] = ("float32", "int8")
FILE = "model.tflite"
# TensorFlow's converter knows neither where the batch is of any size.
REWRITES: dict[str, Rewrite] = {"argmax": argmax_by_place, "gather": gather_by_comparison}


def write(exportable: Exportable, folder: Path) -> Path:
    """Writes `model.tflite` with the weights in it; returns its path."""
    import tensorflow as tf

    said = replace(exportable, function=rewritten(exportable.function, REWRITES))
    with TemporaryDirectory() as temporary:
        savedmodel.write(said, Path(temporary), platforms=("cpu",))
        converter = tf.lite.TFLiteConverter.from_saved_model(
            temporary, signature_keys=[savedmodel.SIGNATURE]
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        content = converter.convert()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_bytes(content)
    return path


def open_(folder: Path) -> Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """The model in `folder`, run by LiteRT's interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(folder / FILE))
    runner = interpreter.get_signature_runner(savedmodel.SIGNATURE)

    def predict(inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(runner(**inputs))

    return predict
