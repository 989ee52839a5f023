"""Update rules that take more than one Optax transformation; the others are Optax's own."""

import re
from typing import Annotated

import jax
import optax
from optax.contrib import MuonDimensionNumbers, scale_by_muon
from optax.contrib._muon import scale_by_shape
from pydantic import Field

from framework.config import NonNegativeFloat, PositiveFloat, PositiveInt
from framework.optim.split import Parameters, split

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
) -> optax.GradientTransformation:
    """Muon: orthogonalized momentum for matrices, Adam for everything else.

    Keller Jordan et al. 2024, with the scale of arXiv:2502.16982: each matrix's update has
    root mean square `rms`, about that of Adam, so that one learning rate fits both. A
    convolution's kernel counts as a matrix from its window and input channels to its output
    channels. Vectors, and parameters whose path matches one of `adam` (embeddings and the last
    layer), go to Adam.
    """
    patterns = [re.compile(pattern) for pattern in adam]

    def label(path: str, value: jax.Array) -> str:
        by_adam = value.ndim < 2 or any(pattern.search(path) for pattern in patterns)
        return "adam" if by_adam else "muon"

    matrices = optax.chain(
        scale_by_muon(
            beta=beta,
            nesterov=nesterov,
            ns_steps=ns_steps,
            eps=eps,
            weight_dimension_numbers=_matrices,
        ),
        scale_by_shape(weight_dimension_numbers=_matrices, consistent_rms=rms),
    )
    return split({"muon": matrices, "adam": optax.scale_by_adam(b1=b1, b2=b2, eps=eps)}, label)


def _matrices(values: Parameters) -> dict[str, MuonDimensionNumbers]:
    """How each array is read as a matrix: the last dimension is the output."""
    return {
        path: MuonDimensionNumbers(tuple(range(value.ndim - 1)), value.ndim - 1)
        for path, value in values.items()
    }
