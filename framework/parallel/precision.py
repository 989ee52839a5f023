"""Number types of a step as one named policy."""

from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp

FloatType = Literal["float32", "bfloat16", "float16"]


@dataclass(frozen=True)
class Precision:
    """Types of the stored parameters, of the computation, of gradients and of the outputs.

    Parameters are cast to `compute` before the model is called and outputs to `output` before
    the loss; gradients are cast to `gradient` before they are summed over batches and devices.
    """

    parameter: FloatType = "float32"
    compute: FloatType = "float32"
    gradient: FloatType = "float32"
    output: FloatType = "float32"


def cast(tree: Any, name: FloatType) -> Any:
    """Every floating-point array of `tree` as type `name`; others as they are."""
    dtype = jnp.dtype(name)

    def convert(array: jax.Array) -> jax.Array:
        return array.astype(dtype) if jnp.issubdtype(array.dtype, jnp.floating) else array

    return jax.tree.map(convert, tree)
