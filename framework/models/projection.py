"""A linear map between named axes, several of them at either side, without a bias."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx


class Projection(nnx.Module):
    """Contracts the last `contracted` axes of its input with the first ones of its kernel.

    `kernel` has `shape` and `axes`, e.g. [embed, heads, head_dim]: heads stay a dimension of
    their own, so that a mesh axis divides heads and never the inside of one. It starts normal
    with variance scale² / fan-in (LeCun's initialisation for a scale of 1).
    """

    def __init__(
        self,
        shape: Sequence[int],
        axes: Sequence[str],
        *,
        contracted: int = 1,
        scale: float = 1.0,
        rngs: nnx.Rngs,
    ) -> None:
        deviation = scale / math.sqrt(math.prod(shape[:contracted]))
        start = nnx.initializers.normal(deviation)
        self.kernel = nnx.Param(start(rngs.params(), tuple(shape)), axes=tuple(axes))
        self.contracted = contracted

    def __call__(self, x: jax.Array) -> jax.Array:
        """[…, *shape[:contracted]] to […, *shape[contracted:]]."""
        return jnp.tensordot(x, self.kernel[...], self.contracted)
