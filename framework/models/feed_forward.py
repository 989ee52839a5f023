"""The dense feed-forward layer of a transformer's block."""

from typing import Literal

import jax
from flax import nnx

from framework.models.axes import BATCH, EMBED, MLP, SEQUENCE
from framework.models.projection import Projection
from framework.parallel import constrain

Gate = Literal["swiglu", "gelu"]


class FeedForward(nnx.Module):
    """down(gelu(up(x))), or down(silu(gate(x)) * up(x)) with `swiglu` (arXiv:2002.05202)."""

    def __init__(
        self,
        width: int,
        mlp_width: int,
        activation: Gate,
        *,
        residual_scale: float,
        rngs: nnx.Rngs,
    ) -> None:
        inward, axes = (width, mlp_width), (EMBED, MLP)
        self.gate = Projection(inward, axes, rngs=rngs) if activation == "swiglu" else None
        self.up = Projection(inward, axes, rngs=rngs)
        self.down = Projection((mlp_width, width), (MLP, EMBED), scale=residual_scale, rngs=rngs)

    def __call__(self, x: jax.Array, present: jax.Array | None, *, train: bool) -> jax.Array:
        """[batch, sequence, width] to the same, whichever tokens are `present`."""
        del present, train  # what a mixture of experts asks for in its place
        return self.decode(x)

    def decode(self, x: jax.Array) -> jax.Array:
        """The same for new tokens."""
        hidden = self.up(x)
        hidden = nnx.gelu(hidden) if self.gate is None else nnx.silu(self.gate(x)) * hidden
        hidden = constrain(hidden, BATCH, SEQUENCE, MLP)
        return constrain(self.down(hidden), BATCH, SEQUENCE, EMBED)


def default_mlp_width(width: int, activation: Gate) -> int:
    """About 8 width² parameters: 4 width, or 8/3 width rounded up to a multiple of 64."""
    return 4 * width if activation == "gelu" else -(-8 * width // (3 * 64)) * 64
