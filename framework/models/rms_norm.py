"""Root mean square normalisation."""

import jax
import jax.numpy as jnp
from flax import nnx

from framework.models.axes import EMBED


class RMSNorm(nnx.Module):
    """x / sqrt(mean(x²) + epsilon) * scale over the last axis, arXiv:1910.07467.

    The mean and the division are in float32 whatever the type of `x`, which the result has.
    """

    def __init__(self, width: int, epsilon: float) -> None:
        self.scale = nnx.Param(jnp.ones(width), axes=(EMBED,))
        self.epsilon = epsilon

    def __call__(self, x: jax.Array) -> jax.Array:
        """[…, width] to the same."""
        exact = x.astype(jnp.float32)
        square = jnp.square(exact).mean(-1, keepdims=True)
        normal = exact * jax.lax.rsqrt(square + self.epsilon)
        return normal.astype(x.dtype) * self.scale[...].astype(x.dtype)
