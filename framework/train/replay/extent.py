"""How large the numbers of an array are, and how many of them are none."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True)
class Extent:
    """`largest`: absolute value among the finite numbers, 0 without any; `nan` and `infinite`
    count the others; `size` counts all.
    """

    largest: float
    nan: int
    infinite: int
    size: int

    @property
    def finite(self) -> bool:
        """Whether every number is."""
        return not self.nan and not self.infinite

    @property
    def share(self) -> float:
        """The part that is not finite, between 0 and 1."""
        return (self.nan + self.infinite) / max(self.size, 1)

    def joined(self, other: "Extent") -> "Extent":
        """Of both arrays together."""
        return Extent(
            max(self.largest, other.largest),
            self.nan + other.nan,
            self.infinite + other.infinite,
            self.size + other.size,
        )


def extent(array: Any) -> Extent | None:
    """Of a floating or complex array or number; None for others. Waits for the device."""
    dtype = getattr(array, "dtype", None) or jnp.result_type(array)
    if not jnp.issubdtype(dtype, jnp.inexact):
        return None
    if not isinstance(array, jax.Array) or _is_on_cpu(array):
        largest, nan, infinite = _measure_numbers(np.asarray(array))  # compiles nothing
    else:
        largest, nan, infinite = jax.device_get(_measured(array))
    return Extent(float(largest), int(nan), int(infinite), np.size(array))


def _is_on_cpu(array: jax.Array) -> bool:
    return all(device.platform == "cpu" for device in array.devices())


def _measure_numbers(x: Any, library: Any = np) -> tuple[Any, Any, Any]:
    nan, infinite = library.isnan(x), library.isinf(x)
    size = library.where(nan | infinite, 0, abs(x))
    return size.max(initial=0), nan.sum(), infinite.sum()


@jax.jit
def _measured(x: jax.Array) -> tuple[Any, Any, Any]:
    return _measure_numbers(x, jnp)
