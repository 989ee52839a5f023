"""A mixture of experts in place of the dense feed-forward layer."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import nnx

from framework.models.auxiliary import AuxiliaryLoss
from framework.models.axes import (
    BATCH,
    CAPACITY,
    EMBED,
    EXPERT,
    KV_SEQUENCE,
    MLP,
    ROUTES,
    SEQUENCE,
    WHOLE,
)
from framework.models.dropout import Hyperparameter
from framework.models.feed_forward import Gate
from framework.models.projection import Projection
from framework.models.routing import Routes, balance, places, z_loss
from framework.parallel import constrain


@dataclass(frozen=True)
class ExpertOptions:
    """How many experts there are, how many a token goes to, and what keeps them busy alike."""

    count: int
    chosen: int
    capacity_factor: float
    load_balancing: float
    router_z_loss: float

    def capacity(self, length: int) -> int:
        """Tokens that one expert takes of a row of `length` tokens."""
        fair = length * self.chosen / self.count
        return min(length, max(1, math.ceil(self.capacity_factor * fair)))


class Experts(nnx.Module):
    """Each token goes to the experts that the router scores highest, as in arXiv:2101.03961.

    Scores are a softmax in float32; with several chosen their weights are divided by their sum
    (arXiv:2006.16668). In a row of the batch each expert has places for `capacity` tokens, given
    out in the order of the tokens, so that neither the mesh nor a later token has a say in
    them; a token without a place passes by on the residual stream. Padding takes none.

    In training the weighted losses of balance and of the router's scale, each the mean over rows,
    are written into `loss`.
    """

    def __init__(
        self,
        width: int,
        mlp_width: int,
        activation: Gate,
        options: ExpertOptions,
        *,
        residual_scale: float,
        rngs: nnx.Rngs,
    ) -> None:
        self.router = Projection((width, options.count), (EMBED, ROUTES), rngs=rngs)
        inward = (options.count, width, mlp_width), (EXPERT, EMBED, MLP)
        outward = (options.count, mlp_width, width), (EXPERT, MLP, EMBED)
        self.gate = ExpertKernel(*inward, rngs=rngs) if activation == "swiglu" else None
        self.up = ExpertKernel(*inward, rngs=rngs)
        self.down = ExpertKernel(*outward, scale=residual_scale, rngs=rngs)
        self.load_balancing = Hyperparameter(jnp.float32(options.load_balancing))
        self.router_z_loss = Hyperparameter(jnp.float32(options.router_z_loss))
        self.loss = AuxiliaryLoss(jnp.float32(0))
        self.options = options

    def __call__(self, x: jax.Array, present: jax.Array | None = None, *, train: bool) -> jax.Array:
        """[batch, sequence, width] to the same.

        Args:
            present: bool [batch, sequence], False for padding.
        """
        # Places are given out along the whole row, wherever the mesh keeps its tokens.
        x = constrain(x, BATCH, KV_SEQUENCE, EMBED)
        if present is not None:
            present = constrain(present, BATCH, KV_SEQUENCE)
        logits = self._scores(x)
        routes = Routes.of(logits, self.options.chosen, present)
        if train:
            losses = self.load_balancing[...] * balance(routes)
            self.loss[...] = losses + self.router_z_loss[...] * z_loss(logits, present)
        return self._mixed(x, routes, self.options.capacity(x.shape[1]))

    def decode(self, x: jax.Array) -> jax.Array:
        """The same without limits of capacity, for new tokens [batch, new, width]."""
        return self._mixed(x, Routes.of(self._scores(x), self.options.chosen, None), x.shape[1])

    def _scores(self, x: jax.Array) -> jax.Array:
        kernel = self.router.kernel[...].astype(jnp.float32)
        return jnp.matmul(x.astype(jnp.float32), kernel, precision=jax.lax.Precision.HIGHEST)

    def _mixed(self, x: jax.Array, routes: Routes, capacity: int) -> jax.Array:
        batch, length, width = x.shape
        count = self.options.count
        where = places(routes, capacity)
        taken = _rows(x, where.sources).reshape(batch, count, capacity, width)
        # From rows divided over devices to experts divided over devices: an all-to-all.
        taken = constrain(taken.swapaxes(0, 1), EXPERT, BATCH, CAPACITY, EMBED)
        made = constrain(self._experts(taken), EXPERT, BATCH, CAPACITY, EMBED)
        made = constrain(made.swapaxes(0, 1), BATCH, WHOLE, CAPACITY, EMBED)
        made = _rows(made.reshape(batch, count * capacity, width), where.targets)
        made = made.reshape(batch, length, self.options.chosen, width)
        found = where.found.reshape(batch, length, self.options.chosen)
        weights = (routes.weights * found).astype(made.dtype)
        y = jnp.einsum("bskw,bsk->bsw", made, weights)
        return constrain(y, BATCH, SEQUENCE, EMBED)

    def _experts(self, x: jax.Array) -> jax.Array:
        hidden = self.up(x)
        hidden = nnx.gelu(hidden) if self.gate is None else nnx.silu(self.gate(x)) * hidden
        return self.down(constrain(hidden, EXPERT, BATCH, CAPACITY, MLP))


class ExpertKernel(nnx.Module):
    """A matrix for each expert, [experts, width in, width out], started as a `Projection`'s."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        axes: tuple[str, str, str],
        *,
        scale: float = 1.0,
        rngs: nnx.Rngs,
    ) -> None:
        start = nnx.initializers.normal(scale / math.sqrt(shape[1]))
        self.kernel = nnx.Param(start(rngs.params(), shape), axes=axes)

    def __call__(self, x: jax.Array) -> jax.Array:
        """[experts, batch, capacity, width in] to [experts, batch, capacity, width out]."""
        return jnp.einsum("xbci,xio->xbco", x, self.kernel[...])


def _rows(x: jax.Array, numbers: jax.Array) -> jax.Array:
    """In each example of [batch, rows, width] the rows with those `numbers` [batch, n].

    The gather is one for each example, so that a divided batch stays where it is.
    """
    found: jax.Array = jax.vmap(lambda rows, at: rows.at[at].get(mode="clip"))(x, numbers)
    return found
