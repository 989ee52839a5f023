"""A model of tables: categories and numbers."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from framework.config import InvalidConfig, NonNegativeInt, PositiveInt, Problem
from framework.models.axes import BATCH, CLASSES, EMBED, MLP, VOCAB, WHOLE
from framework.models.dropout import DropoutRate, optional_dropout
from framework.models.inputs import Fields, Inputs, describe
from framework.models.layers import head, linear
from framework.parallel import constrain
from framework.spec import Field


class TableModel(nnx.Module):
    """Embeddings of the categories beside the numbers, then a residual MLP.

    Columns of categories are fields with a vocabulary, int [batch, columns]; all others are
    numbers [batch, columns]. Every category of every column has a vector of
    `embedding_width`; all of them stand in one matrix, so that one gather reads a batch. The
    vectors and the numbers are projected to `width`, `depth` pre-norm blocks
    x + linear(relu(linear(norm(x)))) follow (arXiv:2106.11959), then a norm, a ReLU and the head.
    """

    def __init__(
        self,
        embedding_width: PositiveInt = 16,
        width: PositiveInt = 256,
        depth: NonNegativeInt = 3,
        dropout: DropoutRate | None = None,
        *,
        inputs: Fields,
        outputs: int,
        rngs: nnx.Rngs,
    ) -> None:
        fields = _columns(inputs)
        sizes = [n for field in fields.values() for n in field.vocabulary]
        numbers = sum(f.shape[0] for f in fields.values() if not f.vocabulary)
        self.offsets = tuple(int(n) for n in np.cumsum([0, *sizes])[:-1])
        self.embedding = _embedding(sum(sizes), embedding_width, rngs=rngs) if sizes else None
        features = len(sizes) * embedding_width + numbers
        self.project = linear(features, width, (MLP, EMBED), rngs=rngs)
        self.blocks = nnx.List([ResidualBlock(width, dropout, rngs=rngs) for _ in range(depth)])
        self.norm = _layer_norm(width, rngs=rngs)
        self.head = head(width, outputs, (EMBED, CLASSES), rngs=rngs)
        self.categories = tuple(name for name, field in fields.items() if field.vocabulary)
        self.numbers = tuple(name for name, field in fields.items() if not field.vocabulary)

    def __call__(self, inputs: Inputs, *, train: bool, rngs: nnx.Rngs | None = None) -> jax.Array:
        """One array, or a mapping of arrays, to logits [batch, outputs]."""
        arrays = inputs if not isinstance(inputs, jax.Array) else {"": inputs}
        parts = [arrays[name] for name in self.numbers]
        if self.embedding is not None:
            rows = jnp.concatenate([arrays[name] for name in self.categories], -1)
            rows = rows + np.asarray(self.offsets, np.int32)
            vectors = jnp.take(constrain(self.embedding[...], VOCAB, WHOLE), rows, axis=0)
            parts.append(vectors.reshape(vectors.shape[0], -1))
        x = constrain(self.project(jnp.concatenate(parts, -1)), BATCH, EMBED)
        for block in self.blocks:
            x = block(x, train=train, rngs=rngs)
        logits: jax.Array = self.head(nnx.relu(self.norm(x)))
        return logits


class ResidualBlock(nnx.Module):
    """x + linear(relu(linear(norm(x)))), with dropout inside."""

    def __init__(self, width: int, dropout: float | None, *, rngs: nnx.Rngs) -> None:
        self.norm = _layer_norm(width, rngs=rngs)
        self.first = linear(width, 2 * width, (EMBED, MLP), rngs=rngs)
        self.dropout = optional_dropout(dropout)
        # Zero: the block starts as the identity.
        self.second = linear(
            2 * width, width, (MLP, EMBED), rngs=rngs, kernel_init=nnx.initializers.zeros
        )

    def __call__(self, x: jax.Array, *, train: bool, rngs: nnx.Rngs | None) -> jax.Array:
        """[batch, width] to the same."""
        y = constrain(nnx.relu(self.first(self.norm(x))), BATCH, MLP)
        if self.dropout is not None:
            y = self.dropout(y, train=train, rngs=rngs)
        return constrain(x + self.second(y), BATCH, EMBED)


def _embedding(rows: int, width: int, *, rngs: nnx.Rngs) -> nnx.Param[jax.Array]:
    return nnx.Param(0.1 * jax.random.normal(rngs.params(), (rows, width)), axes=(VOCAB, EMBED))


def _layer_norm(width: int, *, rngs: nnx.Rngs) -> nnx.LayerNorm:
    metadata = {"axes": (EMBED,)}
    return nnx.LayerNorm(width, scale_metadata=metadata, bias_metadata=metadata, rngs=rngs)


def _columns(inputs: Fields) -> dict[str, Field]:
    """The fields by name, where each is a row of columns; a single one is called ''."""
    fields = {"": inputs} if isinstance(inputs, Field) else dict(inputs)
    fits = fields and all(
        len(f.shape) == 1 and len(f.vocabulary) in (0, f.shape[0]) for f in fields.values()
    )
    if fits:
        return fields
    expected = f"columns of categories and numbers, but the data give {describe(inputs)}"
    hint = "for images choose model=cnn"
    raise InvalidConfig(Problem("_target_", "framework.models.TableModel", expected, hint))
