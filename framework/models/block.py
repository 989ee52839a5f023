"""The block that transformers of text and of images are made of."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
from flax import nnx

from framework.config import InvalidConfig, Problem
from framework.models.attend import AttentionKernel
from framework.models.attention import Attention, Cache
from framework.models.dropout import optional_dropout
from framework.models.experts import ExpertOptions, Experts
from framework.models.feed_forward import FeedForward, Gate, default_mlp_width
from framework.models.rms_norm import RMSNorm
from framework.models.rotary import Rotation


@dataclass(frozen=True)
class BlockOptions:
    """The sizes of one block; None stands for what follows from the others."""

    layers: int
    width: int
    heads: int
    kv_heads: int | None
    head_dim: int | None
    mlp_width: int | None
    activation: Gate
    norm_epsilon: float
    dropout: float | None
    causal: bool
    rotary: bool
    attention: AttentionKernel
    experts: ExpertOptions | None = None

    def check(self) -> list[Problem]:
        """Sizes that do not fit each other."""
        problems = []
        if self.head_dim is None and self.width % self.heads:
            expected = f"a multiple of heads={self.heads}"
            hint = "change width or heads, or give head_dim"
            problems.append(Problem("width", self.width, expected, hint))
        elif self.rotary and self.width_of_head % 2:
            key = "heads" if self.head_dim is None else "head_dim"
            expected = f"heads of an even width, for rotary positions (it is {self.width_of_head})"
            problems.append(Problem(key, getattr(self, key), expected))
        if self.kv_heads is not None and self.heads % self.kv_heads:
            expected = f"a divisor of heads={self.heads}"
            problems.append(Problem("kv_heads", self.kv_heads, expected, "or null for as many"))
        if self.experts is not None and self.experts.chosen > self.experts.count:
            expected = f"at most experts={self.experts.count}"
            problems.append(Problem("experts_per_token", self.experts.chosen, expected))
        return problems

    @property
    def width_of_head(self) -> int:
        """The width of one head."""
        return self.head_dim or self.width // self.heads


class Context(NamedTuple):
    """What all blocks know of the tokens [batch, sequence] beside their vectors."""

    turn: Rotation | None = None
    segments: jax.Array | None = None


class Block(nnx.Module):
    """x + attention(norm(x)), then x + feed_forward(norm(x)), each with dropout.

    The layers that write into the residual stream start smaller by 1 / sqrt(2 layers), as in
    GPT-2, so that the stream's variance does not grow with depth.
    """

    def __init__(self, options: BlockOptions, *, rngs: nnx.Rngs) -> None:
        problems = options.check()
        if problems:
            raise InvalidConfig(*problems)
        width, scale = options.width, 1 / math.sqrt(2 * options.layers)
        self.attention_norm = RMSNorm(width, options.norm_epsilon)
        self.attention = Attention(
            width,
            options.heads,
            options.kv_heads or options.heads,
            options.width_of_head,
            causal=options.causal,
            kernel=options.attention,
            residual_scale=scale,
            rngs=rngs,
        )
        self.feed_forward_norm = RMSNorm(width, options.norm_epsilon)
        self.feed_forward = _feed_forward(options, scale, rngs=rngs)
        self.dropout = optional_dropout(options.dropout)

    def __call__(
        self, x: jax.Array, context: Context, *, train: bool, rngs: nnx.Rngs | None = None
    ) -> jax.Array:
        """[batch, sequence, width] to the same."""
        y = self.attention(self.attention_norm(x), context.turn, context.segments)
        x = x + self._dropped(y, train=train, rngs=rngs)
        present = None if context.segments is None else context.segments > 0
        y = self.feed_forward(self.feed_forward_norm(x), present, train=train)
        return x + self._dropped(y, train=train, rngs=rngs)

    def decode(
        self, x: jax.Array, turn: Rotation, positions: jax.Array, cache: Cache
    ) -> tuple[jax.Array, Cache]:
        """The newest tokens [batch, new, width] to the same, and the cache with them in it."""
        y, cache = self.attention.decode(self.attention_norm(x), turn, positions, cache)
        x = x + y
        return x + self.feed_forward.decode(self.feed_forward_norm(x)), cache

    def _dropped(self, y: jax.Array, *, train: bool, rngs: nnx.Rngs | None) -> jax.Array:
        return y if self.dropout is None else self.dropout(y, train=train, rngs=rngs)


def _feed_forward(options: BlockOptions, scale: float, *, rngs: nnx.Rngs) -> FeedForward | Experts:
    width, activation = options.width, options.activation
    inner = options.mlp_width or default_mlp_width(width, activation)
    if options.experts is None:
        return FeedForward(width, inner, activation, residual_scale=scale, rngs=rngs)
    return Experts(width, inner, activation, options.experts, residual_scale=scale, rngs=rngs)
