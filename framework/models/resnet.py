"""Residual networks for images."""

from typing import Literal

import jax
from flax import nnx

from framework.config import PositiveInt
from framework.models.axes import CLASSES, EMBED
from framework.models.dropout import DropoutRate, optional_dropout
from framework.models.inputs import Fields, Inputs, image_shape, only_array
from framework.models.layers import Norm, convolution, head, normalization, normalize
from framework.models.pool import max_pool

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class ResNet(nnx.Module):
    """ResNet-18, -34 (blocks of two 3x3 convolutions) or -50 (bottlenecks), arXiv:1512.03385.

    The bottleneck has its stride on the 3x3 convolution, as is usual now ("v1.5"), and the last
    norm of each block starts with scale 0 (arXiv:1706.02677). The stem `imagenet` is a 7x7
    convolution of stride 2 and 3x3 max pooling, `cifar` one 3x3 convolution, for images of
    about 32 pixels. `width` is the number of channels in the first stage; each of the four
    stages doubles it and, but for the first, halves the image. Dropout stands before the head.
    """

    def __init__(
        self,
        depth: Literal[18, 34, 50] = 18,
        norm: Literal["batch", "group"] = "batch",
        width: PositiveInt = 64,
        stem: Literal["imagenet", "cifar"] = "imagenet",
        dropout: DropoutRate | None = None,
        *,
        inputs: Fields,
        outputs: int,
        rngs: nnx.Rngs,
    ) -> None:
        _, _, channels = image_shape("ResNet", inputs)
        self.stem = stem
        size = 7 if stem == "imagenet" else 3
        stride = 2 if stem == "imagenet" else 1
        self.convolution = convolution(channels, width, size, stride=stride, rngs=rngs)
        self.norm = normalization(norm, width, rngs=rngs)
        block = Bottleneck if depth == 50 else BasicBlock
        blocks: list[BasicBlock | Bottleneck] = []
        channels = width
        for stage, count in enumerate(BLOCKS[depth]):
            for number in range(count):
                stride = 2 if stage > 0 and number == 0 else 1
                blocks.append(block(channels, width * 2**stage, stride, norm, rngs=rngs))
                channels = width * 2**stage * block.expansion
        self.blocks = nnx.List(blocks)
        self.dropout = optional_dropout(dropout)
        self.head = head(channels, outputs, (EMBED, CLASSES), rngs=rngs)

    def __call__(self, inputs: Inputs, *, train: bool, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Images [batch, height, width(, channels)] to logits [batch, outputs]."""
        x = only_array(inputs)
        x = x.reshape(*x.shape[:3], -1)
        x = nnx.relu(normalize(self.norm, self.convolution(x), train=train))
        if self.stem == "imagenet":
            x = max_pool(x, 3, stride=2, padding=((1, 1), (1, 1)))
        for block in self.blocks:
            x = block(x, train=train)
        x = x.mean((1, 2))
        if self.dropout is not None:
            x = self.dropout(x, train=train, rngs=rngs)
        logits: jax.Array = self.head(x)
        return logits


class BasicBlock(nnx.Module):
    """Two 3x3 convolutions and a shortcut around them."""

    expansion = 1

    def __init__(
        self, channels_in: int, channels: int, stride: int, norm: Norm, *, rngs: nnx.Rngs
    ) -> None:
        self.layers = nnx.List(
            [
                NormedConvolution(channels_in, channels, 3, stride, norm, rngs=rngs),
                NormedConvolution(channels, channels, 3, 1, norm, zero_scale=True, rngs=rngs),
            ]
        )
        self.shortcut = _shortcut(channels_in, channels, stride, norm, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """[batch, height, width, channels_in] to channels, divided by the stride."""
        return _residual(self.layers, self.shortcut, x, train=train)


class Bottleneck(nnx.Module):
    """A 1x1, a 3x3 and a widening 1x1 convolution, and a shortcut around them."""

    expansion = 4

    def __init__(
        self, channels_in: int, channels: int, stride: int, norm: Norm, *, rngs: nnx.Rngs
    ) -> None:
        wide = channels * self.expansion
        self.layers = nnx.List(
            [
                NormedConvolution(channels_in, channels, 1, 1, norm, rngs=rngs),
                NormedConvolution(channels, channels, 3, stride, norm, rngs=rngs),
                NormedConvolution(channels, wide, 1, 1, norm, zero_scale=True, rngs=rngs),
            ]
        )
        self.shortcut = _shortcut(channels_in, wide, stride, norm, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """[batch, height, width, channels_in] to 4 channels, divided by the stride."""
        return _residual(self.layers, self.shortcut, x, train=train)


class NormedConvolution(nnx.Module):
    """A convolution and the norm of its result."""

    def __init__(
        self,
        channels_in: int,
        channels: int,
        kernel_size: int,
        stride: int,
        norm: Norm,
        *,
        zero_scale: bool = False,
        rngs: nnx.Rngs,
    ) -> None:
        self.convolution = convolution(channels_in, channels, kernel_size, stride=stride, rngs=rngs)
        self.norm = normalization(norm, channels, zero_scale=zero_scale, rngs=rngs)

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """[batch, height, width, channels_in] to channels, divided by the stride."""
        return normalize(self.norm, self.convolution(x), train=train)


def _shortcut(
    channels_in: int, channels: int, stride: int, norm: Norm, *, rngs: nnx.Rngs
) -> NormedConvolution | None:
    """The identity (None) where the shape stays, else a 1x1 convolution."""
    if stride == 1 and channels_in == channels:
        return None
    return NormedConvolution(channels_in, channels, 1, stride, norm, rngs=rngs)


def _residual(
    layers: nnx.List[NormedConvolution],
    shortcut: NormedConvolution | None,
    x: jax.Array,
    *,
    train: bool,
) -> jax.Array:
    y = x
    for layer in layers[:-1]:
        y = nnx.relu(layer(y, train=train))
    y = layers[-1](y, train=train)
    return nnx.relu(y + (x if shortcut is None else shortcut(x, train=train)))
