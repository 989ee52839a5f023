"""What an artifact's signature says: names, shapes, types, units, ranges and classes."""

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from framework.artifact import Argument, Input, Output, Signature
from framework.artifact.signature import TEXT
from framework.data import Data, Schema
from framework.data.preprocess import Table
from framework.export.exportable import Exportable
from framework.export.subject import Compared
from framework.spec import Field, Labels

_EIGHT_BITS = 128
"""Pixels that never reach this are on a scale of their own, as from 0 to 16."""


def describe(
    exported: Exportable, data: Data, schema: Schema, temperature: float | None,
    compared: Sequence[Compared] = (),
) -> Signature:  # fmt: skip
    """The signature of an export of a run on `data`; it holds for all that is `compared`."""
    outputs = _outputs(exported.outputs, data.spec.labels, temperature)
    if data.spec.labels.kind == "token":
        return _of_text(exported, data, outputs)
    inputs: dict[str, Input] = {}
    arguments: dict[str, Argument] = {}
    for name, one in exported.inputs.items():
        columns = _columns(name, one, data, schema)
        whole = schema.examples >= len(data.splits["train"])
        inputs |= columns or {name: _plain(name, one, schema, compared if whole else None)}
        dtype, names = np.dtype(one.dtype).name, tuple(columns) or (name,)
        arguments[name] = Argument(one.shape, dtype, names, stacked=bool(columns))
    return Signature(inputs, outputs, arguments)


def _columns(
    argument: str, one: jax.ShapeDtypeStruct, data: Data, schema: Schema
) -> dict[str, Input]:
    """The columns that an argument of a table has; none of another kind of input."""
    fields = data.spec.inputs
    field = fields.get(argument) if isinstance(fields, Mapping) else None
    if field is None or len(one.shape) != 1 or len(field.names) < one.shape[0]:
        return {}
    columns = {}
    for name in field.names[: one.shape[0]]:  # those behind tell what was missing
        names = data.categories.get(name)
        known = schema.columns.get(name)
        if field.vocabulary and names is not None:
            columns[name] = Input((), TEXT, "one of its categories", None, names, missing=True)
        else:
            missing = isinstance(data.preprocess, Table) or (
                known is not None and known.missing > 0
            )
            columns[name] = Input((), "float32", "as in the table", missing=missing)
    return columns


def _plain(
    name: str, one: jax.ShapeDtypeStruct, schema: Schema, compared: Sequence[Compared] | None
) -> Input:
    """One array that the model takes as it is.

    Args:
        compared: real examples; None where the schema does not know all training data, so that
            there may be values beyond those that it has seen.
    """
    column = schema.columns.get("inputs") or schema.columns.get(name)
    dtype = np.dtype(one.dtype)
    limits = None
    if column is not None and column.vocabulary:
        limits = (0.0, float(column.vocabulary - 1))
    elif dtype.kind in "ui" and column is not None and column.high is not None:
        whole = np.iinfo(dtype)
        limits = (float(whole.min), float(whole.max))
        if name == "image" and compared is not None and (column.low or 0) >= 0:
            high = max(column.high, *(_highest(part) for part in compared), 0.0)
            limits = (0.0, high) if high < _EIGHT_BITS else limits
    units = "pixels, not scaled" if name == "image" else "as in the training data"
    return Input(one.shape, dtype.name, units, limits)


def _highest(part: Compared) -> float:
    """The largest value of the inputs, which are one array."""
    return max(float(np.max(batch["inputs"], initial=0)) for _, batch in part.chunks())


def _of_text(exported: Exportable, data: Data, outputs: dict[str, Output]) -> Signature:
    assert not isinstance(data.spec.inputs, Field)
    (vocabulary,) = data.spec.inputs["tokens"].vocabulary
    inputs = {
        "text": Input((), TEXT, "a document; or, instead, `tokens`"),
        "tokens": Input((None,), "int32", "token ids, instead of text", (0.0, vocabulary - 1.0)),
    }
    arguments = {
        name: Argument(one.shape, np.dtype(one.dtype).name, ("tokens",))
        for name, one in exported.inputs.items()
    }
    told = {
        "log_likelihood": Output((), "float64", "nats, of the whole text"),
        "tokens": Output((), "int64", "tokens of the text"),
        "token_log_likelihood": Output((None,), "float64", "nats, NaN behind the end"),
        "token_confidence": Output((None,), "float64", "probability of the likeliest token"),
    }
    return Signature(inputs, {**told, "embedding": outputs["embedding"]}, arguments)


def _outputs(
    found: Mapping[str, jax.ShapeDtypeStruct], labels: Labels, temperature: float | None
) -> dict[str, Output]:
    calibrated = "" if temperature is None else f", calibrated by temperature {temperature:.4g}"
    units = {
        "probabilities": f"probability{calibrated}",
        "predictions": "in the units of the labels",
        "embedding": "what the model makes of the input before its last layer",
    }
    outputs = {
        name: Output(
            one.shape,
            np.dtype(one.dtype).name,
            units.get(name, ""),
            labels.names if name in ("probabilities", "predictions") else (),
        )
        for name, one in found.items()
    }
    if labels.kind == "class" and "probabilities" in outputs:
        outputs["class"] = Output((), TEXT, "the most probable class", labels.names)
        outputs["score"] = Output((), "float32", f"its probability{calibrated}")
    return outputs
