"""A plain convolutional network for small images."""

import jax
from flax import nnx

from framework.config import InvalidConfig, PositiveInt, Problem
from framework.models.axes import BATCH, CLASSES, EMBED, MLP
from framework.models.dropout import DropoutRate, optional_dropout
from framework.models.inputs import Fields, Inputs, image_shape, only_array
from framework.models.layers import Norm, convolution, head, linear, normalization, normalize
from framework.models.pool import max_pool
from framework.parallel import constrain


class CNN(nnx.Module):
    """Stages of 3x3 convolutions, each ended by 2x2 max pooling, then a dense layer and the head.

    Each stage has `convolutions` of them with its number of `channels`; a norm and a ReLU
    follow each. Dropout stands before the dense layer and before the head. With `dense: null`
    the pooled features go straight into the head.
    """

    def __init__(
        self,
        channels: tuple[PositiveInt, ...] = (32, 64),
        convolutions: PositiveInt = 2,
        dense: PositiveInt | None = 128,
        norm: Norm = "batch",
        dropout: DropoutRate | None = None,
        *,
        inputs: Fields,
        outputs: int,
        rngs: nnx.Rngs,
    ) -> None:
        height, width, depth = image_shape("CNN", inputs)
        poolings = len(channels)
        if min(height, width) >> poolings == 0:
            raise InvalidConfig(_too_small(channels, height, width))
        stages = []
        for size in channels:
            stages.append(Stage(depth, size, convolutions, norm, rngs=rngs))
            depth = size
        self.stages = nnx.List(stages)
        features = (height >> poolings) * (width >> poolings) * depth
        self.dropout = optional_dropout(dropout)
        self.dense = linear(features, dense, (EMBED, MLP), rngs=rngs) if dense else None
        self.head = head(dense or features, outputs, (MLP, CLASSES), rngs=rngs)

    def __call__(self, inputs: Inputs, *, train: bool, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Images [batch, height, width(, channels)] to logits [batch, outputs]."""
        x = only_array(inputs)
        x = x.reshape(*x.shape[:3], -1)
        for stage in self.stages:
            x = max_pool(stage(x, train=train), 2)
        x = constrain(x.reshape(x.shape[0], -1), BATCH, EMBED)
        if self.dropout is not None:
            x = self.dropout(x, train=train, rngs=rngs)
        if self.dense is not None:
            x = constrain(nnx.relu(self.dense(x)), BATCH, MLP)
            if self.dropout is not None:
                x = self.dropout(x, train=train, rngs=rngs)
        return self.head(x)


class Stage(nnx.Module):
    """Convolutions at one resolution."""

    def __init__(
        self, channels_in: int, channels: int, convolutions: int, norm: Norm, *, rngs: nnx.Rngs
    ) -> None:
        sizes = [channels_in] + [channels] * convolutions
        self.convolutions = nnx.List(
            [
                convolution(sizes[i], sizes[i + 1], 3, bias=norm == "none", rngs=rngs)
                for i in range(convolutions)
            ]
        )
        self.norms = nnx.List(
            [normalization(norm, channels, rngs=rngs) for _ in range(convolutions)]
        )

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """[batch, height, width, channels_in] to [batch, height, width, channels]."""
        for layer, norm in zip(self.convolutions, self.norms, strict=True):
            x = nnx.relu(normalize(norm, layer(x), train=train))
        return x


def _too_small(channels: tuple[int, ...], height: int, width: int) -> Problem:
    most = min(height, width).bit_length() - 1
    return Problem(
        "channels",
        list(channels),
        f"at most {most} stages for images of {height}x{width}",
        "each stage halves the image",
    )
