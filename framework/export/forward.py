"""A run's model as one function, from what a client has to what a client wants.

The preprocessing of training is inside it: there is one path, and nothing to skew.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from framework.config import InvalidConfig, Problem
from framework.data import Data
from framework.export.exportable import Arrays, Exportable
from framework.parallel import Precision
from framework.spec import Field
from framework.tasks import Task
from framework.train.state import Values, as_arrays
from framework.train.step import make_predict
from framework.train.trained import Trained

PARAMS, OTHERS, CALIBRATION = "params", "others", "calibration/temperature"
TOKENS = ("tokens", "positions", "segments", "labels")
_LEAST = 1e-12


def exportable(
    trained: Trained, data: Data, task: Task, temperature: float | None, precision: Precision
) -> Exportable:
    """The function of a run's model, computing in `precision`, with weights as the run has them.

    Outputs are those of the task, probabilities divided by the temperature, and `embedding`.

    Raises:
        InvalidConfig: the task needs labels to predict.
    """
    values = as_arrays(Values(task, None, None, data.preprocess, None))
    numbers, rebuild = _named({"task": values.task, "preprocess": values.preprocess})
    weights = {
        **{f"{PARAMS}/{name}": np.asarray(array) for name, array in trained.params.items()},
        **{f"{OTHERS}/{name}": np.asarray(array) for name, array in trained.others.items()},
        **numbers,
    }
    if temperature is not None:
        weights[CALIBRATION] = np.asarray(temperature, np.float32)
    inputs = _raw(data)
    forward = _function(trained, precision, rebuild, tuple(inputs))
    outputs = _outputs(forward, weights, inputs, type(task).__name__)
    return Exportable(forward, weights, inputs, outputs)


def part(weights: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The weights below a prefix, without it."""
    start = f"{prefix}/"
    return {n.removeprefix(start): w for n, w in weights.items() if n.startswith(start)}


def _function(
    trained: Trained, precision: Precision, rebuild: Callable[[Arrays], Any],
    names: tuple[str, ...],
) -> Callable[[Arrays, Arrays], Arrays]:  # fmt: skip
    predict = make_predict(trained.network, precision, embed=True)
    single = isinstance(trained.spec.inputs, Field)

    def function(weights: Arrays, inputs: Arrays) -> Arrays:
        parts = rebuild(weights)
        values = Values(parts["task"], None, None, parts["preprocess"], None)
        batch: dict[str, Any] = {
            "inputs": inputs[names[0]]
            if single
            else {name: array for name, array in inputs.items() if name != "labels"}
        }
        if "labels" in inputs:  # of tokens; a task of text counts bytes too, which is not told
            batch |= {"labels": inputs["labels"], "bytes": jnp.zeros(inputs["labels"].shape[:1])}
        found = predict(part(weights, PARAMS), part(weights, OTHERS), values, batch)
        found.pop("bytes", None)
        if CALIBRATION in weights:
            logs = jnp.log(jnp.maximum(found["probabilities"], _LEAST))
            found["probabilities"] = jax.nn.softmax(logs / weights[CALIBRATION])
        return found

    return function


def _raw(data: Data) -> dict[str, jax.ShapeDtypeStruct]:
    """Types and shapes of raw inputs, of one example, by the names that clients use."""
    source = next(source for source in data.splits.values() if len(source))
    batch = source.gather(np.arange(1))
    inputs = batch["inputs"]
    if not isinstance(inputs, Mapping):
        assert isinstance(data.spec.inputs, Field)
        image = len(data.spec.inputs.shape) in (2, 3) and not data.spec.inputs.vocabulary
        inputs = {"image" if image else "features": inputs}
    elif data.spec.labels.kind == "token":
        inputs = {**inputs, "labels": batch["labels"]}
        inputs = {name: np.asarray(inputs[name], np.int32) for name in TOKENS}
    return {
        name: jax.ShapeDtypeStruct(np.shape(array)[1:], _plain(np.asarray(array).dtype))
        for name, array in inputs.items()
    }


def _plain(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Without 64 bits, which JAX does not compute with here."""
    narrow = {"float64": "float32", "int64": "int32", "uint64": "uint32"}
    return np.dtype(narrow.get(dtype.name, dtype.name))


def _outputs(
    function: Callable[[Arrays, Arrays], Arrays], weights: Mapping[str, np.ndarray],
    inputs: Mapping[str, jax.ShapeDtypeStruct], task: str,
) -> dict[str, jax.ShapeDtypeStruct]:  # fmt: skip
    shapes = {n: jax.ShapeDtypeStruct((2, *one.shape), one.dtype) for n, one in inputs.items()}
    held = {name: jax.ShapeDtypeStruct(w.shape, w.dtype) for name, w in weights.items()}
    try:
        found = jax.eval_shape(function, held, shapes)
    except KeyError as error:
        expected = "a task that predicts from inputs alone"
        hint = f"its `predict` reads batch[{error}], which a client does not have"
        raise InvalidConfig(Problem("run", task, expected, hint)) from error
    return {n: jax.ShapeDtypeStruct(one.shape[1:], one.dtype) for n, one in found.items()}


def _named(trees: Mapping[str, Any]) -> tuple[dict[str, np.ndarray], Callable[[Arrays], Any]]:
    """The leaves of the trees by flat names, and the trees made of such leaves again."""
    leaves, structure = jax.tree_util.tree_flatten_with_path(dict(trees))
    names = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in leaves]
    arrays = {name: np.asarray(leaf) for name, (_, leaf) in zip(names, leaves, strict=True)}

    def rebuild(weights: Arrays) -> Any:
        return jax.tree.unflatten(structure, [weights[name] for name in names])

    return arrays, rebuild
