"""From raw inputs to what the model sees, on the device, inside the compiled step.

Training, evaluation and the exported program run the same function: there is nothing to skew. The
numbers (means, deviations, fillings) are leaves, so they travel in the train state and in the
artifact, and are never constants of a compiled program.
"""

from typing import Any, Protocol

import jax
import jax.numpy as jnp
from flax import struct

Leaf = Any
"""A float, a NumPy array or a JAX array."""


class Preprocess(Protocol):
    """A pytree that maps raw inputs, [b, …] or a dict of them, to the model's inputs."""

    def __call__(self, inputs: Any) -> Any:
        """Inputs as `Spec.inputs` describes them; traceable by JAX."""
        ...


@struct.dataclass
class Identity:
    """Inputs as they are."""

    def __call__(self, inputs: Any) -> Any:
        """The same arrays, in JAX."""
        return jax.tree.map(jnp.asarray, inputs)


@struct.dataclass
class Images:
    """(image - mean) / std with one mean and deviation for each channel, in the raw units."""

    mean: Leaf
    std: Leaf

    def __call__(self, inputs: Any) -> jax.Array:
        """Raw images [b, h, w] or [b, h, w, c] of any type to float32 [b, h, w, c]."""
        images = jnp.asarray(inputs)
        images = images[..., None] if images.ndim == 3 else images
        return jnp.asarray((images.astype(jnp.float32) - self.mean) / self.std)


@struct.dataclass
class Table:
    """Numeric columns filled and standardised; categorical columns pass as indices.

    A missing number (NaN) becomes `fill`, then (number - mean) / std. The columns in `indicators`
    each add a column at the end: 1 where the number was missing, 0 elsewhere.
    """

    fill: Leaf
    mean: Leaf
    std: Leaf
    indicators: tuple[int, ...] = struct.field(pytree_node=False, default=())  # type: ignore[no-untyped-call]

    def __call__(self, inputs: Any) -> dict[str, jax.Array]:
        """`numeric` float32 [b, n] to [b, n + indicators]; `categorical` int32 [b, m] as it is."""
        numeric = jnp.asarray(inputs["numeric"]).astype(jnp.float32)
        missing = jnp.isnan(numeric)
        filled = (jnp.where(missing, self.fill, numeric) - self.mean) / self.std
        marks = missing[:, jnp.asarray(self.indicators, jnp.int32)].astype(jnp.float32)
        return {
            "numeric": jnp.concatenate([filled, marks], axis=1),
            "categorical": jnp.asarray(inputs["categorical"]).astype(jnp.int32),
        }
