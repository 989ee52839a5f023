"""Vectors of tokens, and scores of tokens from vectors."""

import jax
import jax.numpy as jnp
from flax import nnx

from framework.models.axes import BATCH, EMBED, SEQUENCE, VOCAB, WHOLE
from framework.parallel import constrain

SPREAD = 0.02  # of GPT-2: the first scores of tokens are nearly equal


class TokenEmbedding(nnx.Module):
    """A table [vocabulary, width], read by rows or, as the last layer, as a matrix.

    Rows divided along their width are put together once, for both uses; left to itself XLA would
    look up parts of rows and move them between devices, which on some meshes ends in a copy of
    all vectors on each. A divided vocabulary stays divided: each device looks up the tokens that
    it has, and a sum over devices of the vectors follows.
    """

    def __init__(self, vocabulary: int, width: int, *, rngs: nnx.Rngs) -> None:
        start = nnx.initializers.normal(SPREAD)
        self.table = nnx.Param(start(rngs.params(), (vocabulary, width)), axes=(VOCAB, EMBED))

    def __call__(self, tokens: jax.Array) -> jax.Array:
        """Tokens int [batch, sequence] to vectors [batch, sequence, width]."""
        vectors = jnp.take(self._rows(), tokens, axis=0, mode="clip")
        return constrain(vectors, BATCH, SEQUENCE, EMBED)

    def scores(self, x: jax.Array) -> jax.Array:
        """Vectors [batch, sequence, width] to logits [batch, sequence, vocabulary]."""
        return jnp.einsum("bse,ve->bsv", x, self._rows())

    def _rows(self) -> jax.Array:
        return constrain(self.table[...], VOCAB, WHOLE)
