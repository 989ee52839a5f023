"""A multi-layer perceptron on flattened inputs."""

import math

import jax
from flax import nnx

from framework.config import PositiveInt
from framework.models.axes import BATCH, CLASSES, EMBED
from framework.models.axes import MLP as MLP_AXIS
from framework.models.dropout import DropoutRate, optional_dropout
from framework.models.inputs import Fields, Inputs, numeric_array, only_array
from framework.models.layers import Activation, activation_function, head, linear
from framework.parallel import constrain


class MLP(nnx.Module):
    """Dense layers of the given widths, each with an activation (and dropout), then the head.

    Takes any array of numbers, flattened: an image as well as a vector.
    """

    def __init__(
        self,
        widths: tuple[PositiveInt, ...] = (256, 256),
        activation: Activation = "relu",
        dropout: DropoutRate | None = None,
        *,
        inputs: Fields,
        outputs: int,
        rngs: nnx.Rngs,
    ) -> None:
        sizes = (math.prod(numeric_array("MLP", inputs).shape), *widths)
        # Axis names alternate, so that a tensor axis splits columns, then rows, as in
        # Megatron, and one sum over devices follows each pair of layers.
        names = [(EMBED, MLP_AXIS), (MLP_AXIS, EMBED)]
        self.layers = nnx.List(
            [linear(sizes[i], sizes[i + 1], names[i % 2], rngs=rngs) for i in range(len(widths))]
        )
        self.dropout = optional_dropout(dropout)
        self.head = head(sizes[-1], outputs, (names[len(widths) % 2][0], CLASSES), rngs=rngs)
        self.activation = activation

    def __call__(self, inputs: Inputs, *, train: bool, rngs: nnx.Rngs | None = None) -> jax.Array:
        """Logits [batch, outputs]."""
        x = only_array(inputs)
        x = x.reshape(x.shape[0], -1)
        activate = activation_function(self.activation)
        for number, layer in enumerate(self.layers):
            x = constrain(activate(layer(x)), BATCH, (MLP_AXIS, EMBED)[number % 2])
            if self.dropout is not None:
                x = self.dropout(x, train=train, rngs=rngs)
        return self.head(x)
