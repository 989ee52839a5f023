"""Multi-head attention with grouped queries."""

import jax
import jax.numpy as jnp
from flax import nnx

from framework.models.attend import AttentionKernel, attend
from framework.models.axes import BATCH, EMBED, HEAD_DIM, HEADS, KV_HEADS, KV_SEQUENCE, SEQUENCE
from framework.models.projection import Projection
from framework.models.rotary import Rotation, rotate
from framework.parallel import constrain

Cache = dict[str, jax.Array]


class Attention(nnx.Module):
    """Queries of `heads`, keys and values of `kv_heads`, arXiv:2305.13245; no biases."""

    def __init__(
        self,
        width: int,
        heads: int,
        kv_heads: int,
        head_dim: int,
        *,
        causal: bool,
        kernel: AttentionKernel,
        residual_scale: float,
        rngs: nnx.Rngs,
    ) -> None:
        query, several = (EMBED, HEADS, HEAD_DIM), (EMBED, KV_HEADS, HEAD_DIM)
        self.query = Projection((width, heads, head_dim), query, rngs=rngs)
        self.key = Projection((width, kv_heads, head_dim), several, rngs=rngs)
        self.value = Projection((width, kv_heads, head_dim), several, rngs=rngs)
        self.output = Projection(
            (heads, head_dim, width),
            (HEADS, HEAD_DIM, EMBED),
            contracted=2,
            scale=residual_scale,
            rngs=rngs,
        )
        self.causal = causal
        self.kernel = kernel

    def __call__(
        self, x: jax.Array, turn: Rotation | None = None, segments: jax.Array | None = None
    ) -> jax.Array:
        """[batch, sequence, width] to the same; tokens see those of their own segment only."""
        query, key, value = self._projected(x, turn)
        mask = None
        if segments is not None:
            others = constrain(segments, BATCH, KV_SEQUENCE)
            mask = (segments[:, :, None] == others[:, None, :])[:, None]
        seen = attend(query, key, value, mask, causal=self.causal, kernel=self.kernel)
        return self._joined(seen)

    def decode(
        self, x: jax.Array, turn: Rotation, positions: jax.Array, cache: Cache
    ) -> tuple[jax.Array, Cache]:
        """Attention of the newest tokens [batch, new, width] to all up to themselves.

        Their keys and values are written into `cache`, two arrays [batch, length, kv_heads,
        head_dim], at `positions` [batch, new]; what lies behind a token's position is not seen.
        """
        query, key, value = self._projected(x, turn)
        rows = jnp.arange(x.shape[0])[:, None]  # `len` takes no symbolic batch
        cache = {
            name: cache[name].at[rows, positions].set(new.astype(cache[name].dtype), mode="drop")
            for name, new in (("keys", key), ("values", value))
        }
        places = jnp.arange(cache["keys"].shape[1])
        mask = (places <= positions[:, :, None])[:, None]
        keys, values = (cache[name].astype(x.dtype) for name in ("keys", "values"))
        seen = attend(query, keys, values, mask, causal=False, kernel="xla")
        return self._joined(seen), cache

    def _projected(
        self, x: jax.Array, turn: Rotation | None
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        query, key, value = self.query(x), self.key(x), self.value(x)
        if turn is not None:
            query, key = rotate(query, turn), rotate(key, turn)
        # First as they are made, then whole: else each part of a sequence would make all of them.
        key, value = (constrain(part, BATCH, SEQUENCE, KV_HEADS, HEAD_DIM) for part in (key, value))
        return (
            constrain(query, BATCH, SEQUENCE, HEADS, HEAD_DIM),
            constrain(key, BATCH, KV_SEQUENCE, KV_HEADS, HEAD_DIM),
            constrain(value, BATCH, KV_SEQUENCE, KV_HEADS, HEAD_DIM),
        )

    def _joined(self, seen: jax.Array) -> jax.Array:
        seen = constrain(seen, BATCH, SEQUENCE, HEADS, HEAD_DIM)
        return constrain(self.output(seen), BATCH, SEQUENCE, EMBED)
