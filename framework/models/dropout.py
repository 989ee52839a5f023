"""Dropout whose rate is a value in the train state, so that another rate compiles nothing."""

from typing import Annotated

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import Field

DropoutRate = Annotated[float, Field(ge=0, lt=1)]


class Hyperparameter(nnx.Variable[jax.Array]):
    """A number that a user sets and no gradient changes; part of the state, not of the program."""


class Dropout(nnx.Module):
    """Sets each value to zero with probability `rate` and divides the others by 1 - rate.

    Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014.
    """

    def __init__(self, rate: DropoutRate) -> None:
        self.rate = Hyperparameter(jnp.asarray(rate, jnp.float32))

    def __call__(self, x: jax.Array, *, train: bool, rngs: nnx.Rngs | None = None) -> jax.Array:
        """`x` of any shape; the mask is drawn from `rngs.dropout()`, which training must give."""
        if not train:
            return x
        if rngs is None:
            raise ValueError("dropout in training needs rngs with a 'dropout' stream")
        keep = 1 - self.rate[...]
        mask = jax.random.bernoulli(rngs.dropout(), keep, x.shape)
        return jnp.where(mask, x / keep.astype(x.dtype), jnp.zeros_like(x))


def optional_dropout(rate: float | None) -> Dropout | None:
    """The layer, or None where the rate is None or 0: then no mask is drawn at all."""
    return Dropout(rate) if rate else None
