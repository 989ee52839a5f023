"""Update rules that take more than one Optax transformation; the others are Optax's own."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

import jax
import optax
from optax.contrib import MuonDimensionNumbers, scale_by_muon
from optax.contrib._muon import scale_by_shape
from pydantic import Field

from framework.config import NonNegativeFloat, PositiveFloat, PositiveInt
from framework.optim.split import Parameters, split

STACKS = (("layers",), ("expert",))
Decay = Annotated[float, Field(ge=0, lt=1)]


def adafactor(
    decay_rate: Decay = 0.8,
    clipping_threshold: PositiveFloat | None = 1.0,
    momentum: Decay | None = None,
    min_dim_size_to_factor: PositiveInt = 128,
    multiply_by_parameter_scale: bool = True,
    epsilon: PositiveFloat = 1e-30,
) -> optax.GradientTransformation:
    """Adafactor: second moments as a row and a column for each matrix (arXiv:1804.04235).

    With `multiply_by_parameter_scale` the learning rate is relative to each parameter's root
    mean square. As `optax.adafactor`, but decay is multiplied by the learning rate.
    """
    parts = [
        optax.scale_by_factored_rms(
            decay_rate=decay_rate, min_dim_size_to_factor=min_dim_size_to_factor, epsilon=epsilon
        )
    ]
    if clipping_threshold is not None:
        parts.append(optax.clip_by_block_rms(clipping_threshold))
    if multiply_by_parameter_scale:
        parts.append(optax.scale_by_param_block_rms())
    if momentum is not None:
        parts.append(optax.ema(momentum, debias=False))
    return optax.chain(*parts)


def muon(
    beta: Decay = 0.95,
    nesterov: bool = True,
    ns_steps: PositiveInt = 5,
    adam: tuple[str, ...] = ("embedding", "^head/"),
    b1: Decay = 0.9,
    b2: Decay = 0.95,
    eps: PositiveFloat = 1e-8,
    rms: NonNegativeFloat = 0.2,
    *,
    axes: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> optax.GradientTransformation:
    """Muon: orthogonalized momentum for matrices, Adam for everything else.

    Keller Jordan et al. 2024, with the scale of arXiv:2502.16982: each matrix's update has
    root mean square `rms`, about that of Adam, so that one learning rate fits both. A
    convolution's kernel counts as a matrix from its window and input channels to its output
    channels, a projection's from `embed` to all its other axes or from all of them to `embed`.
    A stack of layers or experts is as many matrices. Vectors, and parameters whose path matches
    one of `adam` (embeddings and the last layer), go to Adam. The framework gives `axes`, the
    names of each parameter's dimensions.
    """
    patterns = [re.compile(pattern) for pattern in adam]

    def label(path: str, value: jax.Array) -> str:
        vector = len(_own(value.ndim, axes.get(path, ()))) < 2
        return "adam" if vector or any(p.search(path) for p in patterns) else "muon"

    def matrices_of(values: Parameters) -> dict[str, MuonDimensionNumbers]:
        return {path: _matrix(value.ndim, axes.get(path, ())) for path, value in values.items()}

    matrices = optax.chain(
        scale_by_muon(
            beta=beta,
            nesterov=nesterov,
            ns_steps=ns_steps,
            eps=eps,
            weight_dimension_numbers=matrices_of,
        ),
        scale_by_shape(weight_dimension_numbers=matrices_of, consistent_rms=rms),
    )
    return split({"muon": matrices, "adam": optax.scale_by_adam(b1=b1, b2=b2, eps=eps)}, label)


def _own(dimensions: int, names: tuple[str, ...]) -> tuple[int, ...]:
    """The dimensions of one layer's or expert's array, without those that stack several."""
    return tuple(i for i in range(dimensions) if names[i : i + 1] not in STACKS)


def _matrix(dimensions: int, names: tuple[str, ...]) -> MuonDimensionNumbers:
    """Which dimensions are the input of a linear map, and which its output."""
    own = _own(dimensions, names)
    inputs = 1 if names and names[own[0]] == "embed" else len(own) - 1
    return MuonDimensionNumbers(own[:inputs], own[inputs:])
