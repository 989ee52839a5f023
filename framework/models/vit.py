"""A vision transformer."""

from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from framework.config import InvalidConfig, PositiveFloat, PositiveInt, Problem
from framework.models.attend import AttentionKernel
from framework.models.axes import BATCH, CHANNELS_IN, CLASSES, EMBED, POSITIONS, SEQUENCE, WINDOW
from framework.models.block import Block, BlockOptions, Context
from framework.models.dropout import DropoutRate, optional_dropout
from framework.models.feed_forward import Gate
from framework.models.inputs import Fields, Inputs, image_shape, only_array
from framework.models.layers import head
from framework.models.projection import Projection
from framework.models.rematerialisation import Remat
from framework.models.rms_norm import RMSNorm
from framework.models.stack import Unroll, scan_through, stacked
from framework.parallel import constrain

_SPREAD = 0.02


class VisionTransformer(nnx.Module):
    """Patches with learned positions through the blocks of `Transformer`, each seeing all.

    arXiv:2010.11929, with RMSNorm and no biases but the head's. The image is cut into patches
    of `patch` times `patch` pixels. `pooling` hands the head the mean of all patches or the
    vector of a class token, which is one more place in the sequence. The other arguments are
    those of `Transformer`.
    """

    def __init__(
        self,
        patch: PositiveInt = 4,
        pooling: Literal["mean", "class"] = "mean",
        layers: PositiveInt = 4,
        width: PositiveInt = 128,
        heads: PositiveInt = 4,
        kv_heads: PositiveInt | None = None,
        head_dim: PositiveInt | None = None,
        mlp_width: PositiveInt | None = None,
        activation: Gate = "gelu",
        norm_epsilon: PositiveFloat = 1e-6,
        dropout: DropoutRate | None = None,
        attention: AttentionKernel = "auto",
        remat: Remat = "none",
        unroll: Unroll = 1,
        *,
        inputs: Fields,
        outputs: int,
        rngs: nnx.Rngs,
    ) -> None:
        rows, columns, channels = _grid(inputs, patch)
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
            causal=False,
            rotary=False,
            attention=attention,
        )
        self.embedding = Projection(
            (patch, patch, channels, width),
            (*WINDOW, CHANNELS_IN, EMBED),
            contracted=3,
            rngs=rngs,
        )
        self.positions = _vectors(rows * columns, width, rngs=rngs)
        self.first = _vectors(1, width, rngs=rngs) if pooling == "class" else None
        self.dropout = optional_dropout(dropout)
        self.blocks = stacked(lambda rngs: Block(options, rngs=rngs), layers, rngs=rngs)
        self.norm = RMSNorm(width, norm_epsilon)
        self.head = head(width, outputs, (EMBED, CLASSES), rngs=rngs)
        self.patch = patch
        self.remat: Remat = remat
        self.unroll: Unroll = unroll

    def __call__(self, inputs: Inputs, *, train: bool, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Images [batch, height, width(, channels)] to logits [batch, outputs]."""
        x = self.embedding(_patches(only_array(inputs), self.patch)) + self.positions[...]
        if self.first is not None:
            first = jnp.broadcast_to(self.first[...], (x.shape[0], 1, x.shape[-1]))
            x = jnp.concatenate([first, x], 1)
        x = constrain(x, BATCH, SEQUENCE, EMBED)
        if self.dropout is not None:
            x = self.dropout(x, train=train, rngs=rngs)
        x, _ = scan_through(
            self.blocks,
            lambda block, x, rngs, _: (block(x, Context(), train=train, rngs=rngs), None),
            x,
            rngs=rngs if train and self.dropout is not None else None,
            remat=self.remat if train else "none",
            unroll=self.unroll,
        )
        x = self.norm(x)
        pooled = constrain(x.mean(1) if self.first is None else x[:, 0], BATCH, EMBED)
        logits: jax.Array = self.head(pooled)
        return logits


def _vectors(count: int, width: int, *, rngs: nnx.Rngs) -> nnx.Param[jax.Array]:
    start = nnx.initializers.normal(_SPREAD)
    return nnx.Param(start(rngs.params(), (count, width)), axes=(POSITIONS, EMBED))


def _patches(images: jax.Array, patch: int) -> jax.Array:
    """[batch, height, width(, channels)] to [batch, patches, patch, patch, channels], by rows."""
    batch, height, width = images.shape[:3]
    x = images.reshape(batch, height // patch, patch, width // patch, patch, -1)
    return x.swapaxes(2, 3).reshape(batch, -1, patch, patch, x.shape[-1])


def _grid(inputs: Fields, patch: int) -> tuple[int, int, int]:
    """Rows and columns of patches, and channels."""
    height, width, channels = image_shape("VisionTransformer", inputs)
    if height % patch or width % patch:
        sizes = [n for n in range(2, min(height, width) + 1) if height % n == width % n == 0]
        expected = f"a size that divides images of {height}x{width}"
        hint = f"choices: {', '.join(map(str, sizes))}" if sizes else "pad the images"
        raise InvalidConfig(Problem("patch", patch, expected, hint))
    return height // patch, width // patch, channels
