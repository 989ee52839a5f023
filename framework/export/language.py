"""The two programs by which a language model writes: one reads a prompt, one adds a token.

The cache of keys and values is an argument and a result of both: who serves them keeps it.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.errors
import jax.export
import jax.numpy as jnp
import numpy as np

from framework.artifact.artifact import DECODE, PREFILL
from framework.config import InvalidConfig, Problem
from framework.data import tokenizer_from_json
from framework.export.exportable import Arrays, Exportable
from framework.export.forward import OTHERS, PARAMS, part
from framework.export.quantising import ExportPrecision, quantised
from framework.export.stablehlo import SUFFIX, write_program
from framework.parallel import Precision, cast
from framework.spec import Field
from framework.train.generate import TOKENIZER
from framework.train.trained import Trained


def symbolic_rows(exported: Exportable) -> dict[str, jax.ShapeDtypeStruct]:
    """The inputs of the program that scores texts: any number of them, of any length."""
    batch, length = jax.export.symbolic_shape("batch, length")
    return {
        name: jax.ShapeDtypeStruct((batch, length), one.dtype)
        for name, one in exported.inputs.items()
    }


@contextlib.contextmanager
def of_any_length(run: Path) -> Iterator[None]:
    """While inside, programs are traced for texts of any length.

    Raises:
        InvalidConfig: the model's program depends on the length, as the places of experts do.
    """
    try:
        yield
    except jax.errors.ConcretizationTypeError as error:
        expected = "a model whose program holds for texts of any length"
        hint = "the places of experts follow from it; let this one write by experiments.generate"
        raise InvalidConfig(Problem("run", run, expected, hint)) from error


def decodes(trained: Trained) -> bool:
    """Whether the model can write: whether it has a cache and adds to it."""
    model: Any = trained.network.bind(trained.params, trained.others)
    return hasattr(model, "decode") and hasattr(model, "empty_cache")


def write_decoding(
    folder: Path, trained: Trained, floats: Exportable, precision: Precision,
    kind: ExportPrecision,
) -> dict[str, Any]:  # fmt: skip
    """Writes `prefill` and `decode`; returns what the manifest says of them.

    Args:
        floats: the model before it is quantised; its weights are those of both programs.
    """
    told = {}
    batch, prompt, length = jax.export.symbolic_shape("batch, prompt, length")
    cache = _cache(trained, precision, batch, length)
    whole = jax.ShapeDtypeStruct((batch,), np.int32)
    several = jax.ShapeDtypeStruct((batch, prompt), np.int32)
    for name, function, inputs in (
        (PREFILL, _prefill, {"tokens": several, "lengths": whole, **cache}),
        (DECODE, _decode, {"tokens": whole, "positions": whole, **cache}),
    ):
        made = replace(floats, function=_bound(trained, precision, function))
        made = quantised(made, trained.network.axes, kind)
        file = f"programs/{name}{SUFFIX}"
        told[name] = {"file": file} | write_program(
            folder / file, made.function, made.weight_shapes, inputs
        )
    return told


def about_language(trained: Trained, precision: Precision) -> dict[str, Any]:
    """What the manifest says of a language model: its context, its tokens, its cache."""
    assert not isinstance(trained.spec.inputs, Field)
    tokens = trained.spec.inputs["tokens"]
    told: dict[str, Any] = {"context": tokens.shape[0], "vocabulary": tokens.vocabulary[0]}
    text = (trained.directory.path / TOKENIZER).read_text(encoding="utf-8")
    told["end"] = tokenizer_from_json(text).end
    if decodes(trained):
        (one,) = set(_cache(trained, precision, 1, 1).values())
        shape = [one.shape[0], "batch", "length", *one.shape[3:]]
        told["cache"] = {"shape": shape, "dtype": np.dtype(one.dtype).name}
    return told


def _bound(
    trained: Trained, precision: Precision, use: Callable[[Any, Arrays], Arrays]
) -> Callable[[Arrays, Arrays], Arrays]:
    def function(weights: Arrays, inputs: Arrays) -> Arrays:
        params = cast(part(weights, PARAMS), precision.compute)
        return use(trained.network.bind(params, part(weights, OTHERS)), inputs)

    return function


def _prefill(model: Any, inputs: Arrays) -> Arrays:
    """Logits of what follows each prompt, whose first `lengths` tokens count, and the cache."""
    tokens, last = inputs["tokens"], inputs["lengths"] - 1
    positions = jnp.broadcast_to(jnp.arange(tokens.shape[1]), tokens.shape)
    logits, cache = model.decode(tokens, positions, _held(inputs))
    logits = jnp.take_along_axis(logits, last[:, None, None], 1)[:, 0]
    return {"logits": logits.astype(jnp.float32), **cache}


def _decode(model: Any, inputs: Arrays) -> Arrays:
    """Logits of what follows one more token of each row, at its position, and the cache."""
    tokens, positions = inputs["tokens"][:, None], inputs["positions"][:, None]
    logits, cache = model.decode(tokens, positions, _held(inputs))
    return {"logits": logits[:, 0].astype(jnp.float32), **cache}


def _held(inputs: Arrays) -> Arrays:
    return {name: inputs[name] for name in ("keys", "values")}


def _cache(
    trained: Trained, precision: Precision, batch: Any, length: Any
) -> dict[str, jax.ShapeDtypeStruct]:
    def empty(params: Arrays, others: Arrays) -> Any:
        model: Any = trained.network.bind(params, others)
        return model.empty_cache(1, 1, precision.compute)

    found = jax.eval_shape(empty, trained.params, trained.others)
    return {
        name: jax.ShapeDtypeStruct((one.shape[0], batch, length, *one.shape[3:]), one.dtype)
        for name, one in found.items()
    }
