"""A decoder-only transformer language model."""

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from flax import nnx

from framework.config import InvalidConfig, NonNegativeFloat, PositiveFloat, PositiveInt, Problem
from framework.models.attend import AttentionKernel
from framework.models.attention import Cache
from framework.models.axes import BATCH, EMBED, SEQUENCE, VOCAB
from framework.models.block import Block, BlockOptions, Context
from framework.models.dropout import DropoutRate, optional_dropout
from framework.models.experts import ExpertOptions
from framework.models.feed_forward import Gate
from framework.models.inputs import Fields, Inputs, token_count
from framework.models.projection import Projection
from framework.models.rematerialisation import Remat
from framework.models.rms_norm import RMSNorm
from framework.models.rotary import rotation
from framework.models.stack import Unroll, scan_through, stacked
from framework.models.token_embedding import SPREAD, TokenEmbedding
from framework.parallel import constrain


class Transformer(nnx.Module):
    """Token embedding, a stack of pre-norm blocks, a norm, and scores of the next token.

    Blocks have RMSNorm, causal attention with grouped queries and rotary positions, and a
    feed-forward layer with SwiGLU or GELU; there are no biases. Tokens see earlier ones of
    their own segment; positions are the batch's and restart with each segment.

    Sizes that are None follow from the others: `kv_heads` from `heads`, `head_dim` from `width` /
    `heads`, `mlp_width` from `width`. `tied` scores tokens with the embedding's own table.
    `logit_cap` bends logits to cap * tanh(logits / cap), arXiv:2403.08295. With `experts` the
    feed-forward layers are mixtures (`experts.py`): a token goes to `experts_per_token` of them,
    each takes `capacity_factor` times its even share of a row's tokens, and
    `load_balancing` and `router_z_loss` are the weights of the losses that the router adds;
    they are values of the state as the dropout rate is. `attention` names a
    kernel (`attend.py`), `remat` what the backward pass computes again
    (`rematerialisation.py`), `unroll` how many layers a round of the scan has.
    """

    def __init__(
        self,
        layers: PositiveInt = 4,
        width: PositiveInt = 128,
        heads: PositiveInt = 4,
        kv_heads: PositiveInt | None = None,
        head_dim: PositiveInt | None = None,
        mlp_width: PositiveInt | None = None,
        activation: Gate = "swiglu",
        norm_epsilon: PositiveFloat = 1e-6,
        rope_base: PositiveFloat = 10_000.0,
        tied: bool = True,
        logit_cap: PositiveFloat | None = None,
        dropout: DropoutRate | None = None,
        experts: PositiveInt | None = None,
        experts_per_token: PositiveInt = 2,
        capacity_factor: PositiveFloat = 1.25,
        load_balancing: NonNegativeFloat = 0.01,
        router_z_loss: NonNegativeFloat = 0.0,
        attention: AttentionKernel = "auto",
        remat: Remat = "dots_no_batch",
        unroll: Unroll = 1,
        *,
        inputs: Fields,
        outputs: int,
        rngs: nnx.Rngs,
    ) -> None:
        vocabulary = token_count("Transformer", inputs)
        if outputs != vocabulary:
            expected = f"as many outputs as there are tokens, {vocabulary}"
            raise InvalidConfig(
                Problem("outputs", outputs, expected, "choose task=language_modeling")
            )
        mixture = None
        if experts is not None:
            mixture = ExpertOptions(
                experts, experts_per_token, capacity_factor, load_balancing, router_z_loss
            )
        options = BlockOptions(
            layers=layers,
            width=width,
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            mlp_width=mlp_width,
            activation=activation,
            norm_epsilon=norm_epsilon,
            dropout=dropout,
            causal=True,
            rotary=True,
            attention=attention,
            experts=mixture,
        )
        self.embedding = TokenEmbedding(vocabulary, width, rngs=rngs)
        self.dropout = optional_dropout(dropout)
        self.blocks = stacked(lambda rngs: Block(options, rngs=rngs), layers, rngs=rngs)
        self.norm = RMSNorm(width, norm_epsilon)
        self.head = None if tied else _head(width, vocabulary, rngs=rngs)
        self.options = options
        self.rope_base = rope_base
        self.logit_cap = logit_cap
        self.remat: Remat = remat
        self.unroll: Unroll = unroll

    def __call__(self, inputs: Inputs, *, train: bool, rngs: nnx.Rngs | None = None) -> jax.Array:
        """`tokens`, `positions` and `segments` int [batch, sequence] to logits of the next token.

        Segments count from 1, 0 is padding. The logits are [batch, sequence, vocabulary].
        """
        if not isinstance(inputs, Mapping):
            raise TypeError("expected tokens, positions and segments, got one array")
        turn = rotation(inputs["positions"], self.options.width_of_head, self.rope_base)
        context = Context(turn, inputs["segments"])
        x = self.embedding(inputs["tokens"])
        if self.dropout is not None:
            x = self.dropout(x, train=train, rngs=rngs)
        x, _ = scan_through(
            self.blocks,
            lambda block, x, rngs, _: (block(x, context, train=train, rngs=rngs), None),
            x,
            rngs=rngs if train and self.dropout is not None else None,
            remat=self.remat if train else "none",
            unroll=self.unroll,
        )
        return self._scores(x)

    def decode(
        self, tokens: jax.Array, positions: jax.Array, cache: Cache
    ) -> tuple[jax.Array, Cache]:
        """Logits of what follows each of the newest tokens, and the cache with them in it.

        Args:
            tokens: int [batch, new]: a prompt, or one token a call.
            positions: int [batch, new], from 0 and without gaps in each row. A row whose prompt
                is shorter may be filled up behind it: what was written there is not seen, and
                is written over when the row goes on from its own length.
            cache: of `empty_cache` or of the call before; a position beyond its length is lost.

        Returns:
            Logits [batch, new, vocabulary] and the cache.
        """
        turn = rotation(positions, self.options.width_of_head, self.rope_base)
        x, cache = scan_through(
            self.blocks,
            lambda block, x, _, cache: block.decode(x, turn, positions, cache),
            self.embedding(tokens),
            cache,
            rngs=None,
        )
        return self._scores(x), cache

    def empty_cache(self, batch: int, length: int, dtype: jax.typing.DTypeLike) -> Cache:
        """`keys` and `values`, zeros [layers, batch, length, kv_heads, head_dim]."""
        size = self.options
        shape = (size.layers, batch, length, size.kv_heads or size.heads, size.width_of_head)
        return {name: jnp.zeros(shape, dtype) for name in ("keys", "values")}

    def _scores(self, x: jax.Array) -> jax.Array:
        x = self.norm(x)
        logits = self.embedding.scores(x) if self.head is None else self.head(x)
        logits = constrain(logits, BATCH, SEQUENCE, VOCAB)
        if self.logit_cap is None:
            return logits
        return self.logit_cap * jnp.tanh(logits / self.logit_cap)


def _head(width: int, vocabulary: int, *, rngs: nnx.Rngs) -> Projection:
    """Starts with the spread of the table that it stands in for."""
    scale = SPREAD * math.sqrt(width)
    return Projection((width, vocabulary), (EMBED, VOCAB), scale=scale, rngs=rngs)
