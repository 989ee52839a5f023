"""Weights in another precision than the run's: bfloat16, or whole numbers of eight bits.

| precision | weights | products |
|---|---|---|
| `float32` | as they are | float32 |
| `bfloat16` | parameters in bfloat16 | bfloat16: `computation` says it to the forward pass |
| `int8` | large kernels and tables int8, with scales | float32, made where it is used |
| `int8_dynamic` | the same | int8 with the activations, whose scales are found on the fly |

The whole numbers are made by qwix (extra `quantize`); programs and artifacts do not need it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import ml_dtypes
import numpy as np

from framework.config import InvalidConfig, Problem
from framework.export.exportable import Exportable
from framework.export.late import DYNAMIC, SCALE, VALUES, WEIGHT_ONLY, late
from framework.models.axes import EXPERT, HEAD_DIM, LAYERS, POSITIONS, ROUTES, VOCAB
from framework.parallel import Precision

ExportPrecision = Literal["float32", "bfloat16", "int8", "int8_dynamic"]
Axes = Mapping[str, tuple[str, ...]]
PARAMETERS = "params/"
FEWEST = 1024  # numbers of a kernel that is worth a scale for each channel
_OWN_SCALE = (LAYERS, EXPERT)
_KEPT = (POSITIONS, ROUTES)  # added as they are; a router's scores choose, and a tie is a jump


def computation(precision: ExportPrecision, own: Precision) -> Precision:
    """The number types of the forward pass of an export, of a run with its `own`.

    Outputs are float32 always; whole numbers are scaled to the run's own type of computation.
    """
    compute: Any = precision if precision in ("float32", "bfloat16") else own.compute
    return replace(own, compute=compute, output="float32")


def quantised(exportable: Exportable, axes: Axes, precision: ExportPrecision) -> Exportable:
    """The same model with weights of another precision, and a function that takes those.

    Args:
        exportable: made with `computation(precision, …)`.
        axes: names of the axes of each parameter, `Network.axes`.

    Raises:
        InvalidConfig: whole numbers are asked for, and qwix is not installed.
    """
    weights = quantised_weights(exportable.weights, axes, precision)
    rules = {"int8": WEIGHT_ONLY, "int8_dynamic": DYNAMIC}.get(precision)
    function = exportable.function if rules is None else late(exportable.function, rules)
    return replace(exportable, function=function, weights=weights)


def quantised_weights(
    weights: Mapping[str, np.ndarray], axes: Axes, precision: ExportPrecision
) -> dict[str, np.ndarray]:
    """What an artifact of that precision stores, by flat names.

    Of a quantised weight `name` there are `name.int8`, of its shape, and `name.scale` float32,
    with ones where numbers share a scale: number = int8 · scale, within half a scale of what
    it was.

    Raises:
        InvalidConfig: whole numbers are asked for, and qwix is not installed.
    """
    if precision == "float32":
        return dict(weights)
    if precision == "bfloat16":
        return {name: _brief(name, array) for name, array in weights.items()}
    stored: dict[str, np.ndarray] = {}
    for name, array in weights.items():
        channels = channels_of(name, array, axes)
        stored |= {name: array} if channels is None else _whole_numbers(name, array, channels)
    return stored


def channels_of(name: str, array: np.ndarray, axes: Axes) -> tuple[int, ...] | None:
    """The axes of a weight along which each place has a scale of its own; None: it is kept.

    Kernels have one for each output: their last axis, of heads both; tables one for each row;
    stacks of layers and experts one more for each of those. Vectors, kernels of fewer than
    1,024 numbers, positions and routers are kept as they are.
    """
    if not name.startswith(PARAMETERS) or array.ndim < 2 or array.size < FEWEST:
        return None
    if not _floating(array):
        return None
    names = axes.get(name.removeprefix(PARAMETERS), ("",) * array.ndim)
    if any(kept in names for kept in _KEPT):
        return None
    own = [place for place, axis in enumerate(names) if axis in _OWN_SCALE]
    if len(own) > array.ndim - 2:  # a vector for each layer
        return None
    return tuple(sorted({*own, *_outputs(names)}))


def _outputs(names: Sequence[str]) -> tuple[int, ...]:
    last = len(names) - 1
    if names[0] == VOCAB:  # a table: of the same rows are its scores
        return (0,)
    return (last - 1, last) if names[last] == HEAD_DIM else (last,)


def _whole_numbers(
    name: str, array: np.ndarray, channels: tuple[int, ...]
) -> dict[str, np.ndarray]:
    try:
        import qwix
    except ImportError:
        expected = "the package qwix, for precisions of whole numbers"
        hint = "pip install '.[quantize]', or choose export.precision=bfloat16"
        raise InvalidConfig(Problem("export.precision", "int8", expected, hint)) from None
    made = qwix.quantize(array.astype(np.float32), np.int8, channelwise_axes=channels)
    return {name + VALUES: np.asarray(made.qvalue), name + SCALE: np.asarray(made.scale)}


def _brief(name: str, array: np.ndarray) -> np.ndarray:
    if not name.startswith(PARAMETERS) or not _floating(array):
        return array
    return array.astype(ml_dtypes.bfloat16)


def _floating(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" or array.dtype == ml_dtypes.bfloat16
