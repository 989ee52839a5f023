"""What is exported: one pure function of weights and raw inputs, and what goes into it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.export
import numpy as np

Arrays = dict[str, jax.Array]


@dataclass(frozen=True)
class Exportable:
    """A model with its preprocessing before it and its calibration behind it.

    Attributes:
        function: `(weights, inputs) -> outputs`, dictionaries of arrays; no mesh, any batch.
        weights: by flat names: `params/…`, `others/…`, `preprocess/…`, `task/…`,
            `calibration/temperature`.
        inputs: by name, the type and shape of one example (without the batch).
        outputs: the same of what comes out.
    """

    function: Callable[[Arrays, Arrays], Arrays]
    weights: Mapping[str, np.ndarray]
    inputs: Mapping[str, jax.ShapeDtypeStruct]
    outputs: Mapping[str, jax.ShapeDtypeStruct]

    def symbolic_inputs(self, scope: Any = None) -> dict[str, jax.ShapeDtypeStruct]:
        """The inputs with a symbolic batch `batch` in front."""
        (batch,) = jax.export.symbolic_shape("batch", scope=scope)
        return {
            name: jax.ShapeDtypeStruct((batch, *one.shape), one.dtype)
            for name, one in self.inputs.items()
        }

    @property
    def weight_shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Types and shapes of the weights."""
        return {n: jax.ShapeDtypeStruct(w.shape, w.dtype) for n, w in self.weights.items()}
