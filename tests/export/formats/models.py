"""The ready-made models with random weights as they are exported, and inputs for them."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from framework.data.preprocess import Identity, Images, Table
from framework.export.exportable import Exportable
from framework.models.embedding import with_embedding
from framework.tasks import Classification, LanguageModeling
from tests.models.ready import IMAGE, MODELS, OUTPUTS, TABLE, TEXT, network

Shape = jax.ShapeDtypeStruct
ALONE = ("image", "features")  # names of inputs that stand alone
SCALED = Images(np.full(3, 8, np.float32), np.full(3, 5, np.float32))
FILLED = Table(np.zeros(2, np.float32), np.ones(2, np.float32), np.full(2, 3, np.float32))


def exportable(name: str) -> Exportable:
    """A model of `tests.models.ready`: raw inputs, predictions and embedding."""
    parts, field = network(name), MODELS[name][2]
    preprocess: Any = SCALED if field is IMAGE else FILLED if field is TABLE else Identity()
    leaves, structure = jax.tree.flatten(preprocess)
    params, others = parts.initialise(jax.random.key(0))
    weights = {
        **{f"params/{name}": np.asarray(array) for name, array in params.items()},
        **{f"others/{name}": np.asarray(array) for name, array in others.items()},
        **{f"preprocess/{number}": leaf for number, leaf in enumerate(leaves)},
    }

    def function(weights: Any, inputs: Any) -> dict[str, jax.Array]:
        numbers = [weights[f"preprocess/{number}"] for number in range(len(leaves))]
        model = parts.bind(_below(weights, "params/"), _below(weights, "others/"))
        given = {n: array for n, array in inputs.items() if n != "labels"}
        (alone, *_) = given
        given = jax.tree.unflatten(structure, numbers)(given[alone] if alone in ALONE else given)
        outputs, embedding = with_embedding(model, given)
        return {**_predictions(outputs, inputs), "embedding": embedding}

    inputs = _inputs(field)
    two = {name: Shape((2, *one.shape), one.dtype) for name, one in inputs.items()}
    found = jax.eval_shape(function, weights, two)
    outputs = {name: Shape(one.shape[1:], one.dtype) for name, one in found.items()}
    return Exportable(function, weights, inputs, outputs)


def examples(exportable: Exportable, batch: int) -> dict[str, np.ndarray]:
    """Inputs as a client might have them."""
    random = np.random.default_rng(batch)
    most = {"image": 17, "categorical": 2, "tokens": OUTPUTS, "labels": OUTPUTS, "segments": 2}
    made = {}
    for name, one in exportable.inputs.items():
        shape = (batch, *one.shape)
        if np.issubdtype(one.dtype, np.floating):
            made[name] = random.normal(size=shape).astype(one.dtype)
        elif name == "positions":
            made[name] = np.broadcast_to(np.arange(*one.shape), shape).astype(one.dtype)
        else:
            made[name] = random.integers(0, most[name], shape).astype(one.dtype)
    return made


def _inputs(field: Any) -> dict[str, Shape]:
    if field is IMAGE:
        return {"image": Shape(field.shape, np.uint8)}
    if field is TEXT:
        names = (*TEXT, "labels")
        return {name: Shape(TEXT["tokens"].shape, np.int32) for name in names}
    if field is TABLE:
        return {name: Shape(one.shape, one.dtype) for name, one in TABLE.items()}
    return {"features": Shape(field.shape, np.float32)}


def _predictions(outputs: jax.Array, inputs: Any) -> dict[str, jax.Array]:
    if "labels" not in inputs:
        return Classification().predict(outputs, inputs)
    batch = {"labels": inputs["labels"], "bytes": jnp.zeros(())}
    found = LanguageModeling().predict(outputs, batch)
    del found["bytes"]
    return found


def _below(weights: Any, prefix: str) -> dict[str, Any]:
    return {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}
