"""Vectors of tokens, and scores of tokens from vectors."""

import jax
import jax.numpy as jnp
from flax import nnx

from framework.models.axes import BATCH, EMBED, SEQUENCE, VOCAB
from framework.parallel import constrain

SPREAD = 0.02  # of GPT-2: the first scores of tokens are nearly equal


class TokenEmbedding(nnx.Module):
    """A table [vocabulary, width], read by rows or, as the last layer, as a matrix."""

    def __init__(self, vocabulary: int, width: int, *, rngs: nnx.Rngs) -> None:
        start = nnx.initializers.normal(SPREAD)
        self.table = nnx.Param(start(rngs.params(), (vocabulary, width)), axes=(VOCAB, EMBED))

    def __call__(self, tokens: jax.Array) -> jax.Array:
        """Tokens int [batch, sequence] to vectors [batch, sequence, width]."""
        vectors = jnp.take(self.table[...], tokens, axis=0, mode="clip")
        return constrain(vectors, BATCH, SEQUENCE, EMBED)

    def scores(self, x: jax.Array) -> jax.Array:
        """Vectors [batch, sequence, width] to logits [batch, sequence, vocabulary]."""
        return jnp.einsum("bse,ve->bsv", x, self.table[...])
