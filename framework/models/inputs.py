"""Checks that a model's inputs are of a kind that it can take."""

from collections.abc import Mapping

import jax

from framework.config import InvalidConfig, Problem
from framework.spec import Field

Inputs = jax.Array | Mapping[str, jax.Array]
Fields = Field | Mapping[str, Field]


def numeric_array(model: str, inputs: Fields) -> Field:
    """`inputs` where they are one array of numbers, else InvalidConfig."""
    if isinstance(inputs, Field) and not inputs.vocabulary:
        return inputs
    raise _misfit(model, "one array of numbers for each example", inputs, _suggestion(inputs))


def image_shape(model: str, inputs: Fields) -> tuple[int, int, int]:
    """Height, width and channels of the images that `inputs` describe, else InvalidConfig.

    An image of shape [height, width] has one channel.
    """
    if isinstance(inputs, Field) and not inputs.vocabulary and len(inputs.shape) in (2, 3):
        height, width, channels = (*inputs.shape, 1)[:3]
        return height, width, channels
    raise _misfit(model, "images [height, width, channels]", inputs, _suggestion(inputs))


def token_count(model: str, inputs: Fields) -> int:
    """The size of the vocabulary of token sequences, else InvalidConfig."""
    if isinstance(inputs, Mapping) and {"tokens", "positions", "segments"} <= inputs.keys():
        (count,) = inputs["tokens"].vocabulary
        return count
    raise _misfit(model, "sequences of tokens", inputs, "choose data of text: data=shakespeare")


def only_array(inputs: Inputs) -> jax.Array:
    """The one array that a model with one input was given."""
    if isinstance(inputs, Mapping):
        raise TypeError(f"expected one array, got a mapping of {', '.join(inputs)}")
    return inputs


def describe(inputs: Fields) -> str:
    """The inputs in words, for messages."""
    if isinstance(inputs, Mapping):
        return ", ".join(f"{name}: {describe(field)}" for name, field in inputs.items())
    kind = "categories" if inputs.vocabulary else inputs.dtype
    return f"{kind} {list(inputs.shape)}"


def _suggestion(inputs: Fields) -> str:
    if isinstance(inputs, Mapping) and "tokens" in inputs:
        return "for text choose model=transformer"
    if isinstance(inputs, Mapping) or inputs.vocabulary:
        return "for a table choose model=table"
    return "for vectors choose model=mlp"


def _misfit(model: str, expected: str, inputs: Fields, hint: str) -> InvalidConfig:
    message = f"{expected}, but the data give {describe(inputs)}"
    return InvalidConfig(Problem("_target_", f"framework.models.{model}", message, hint))
