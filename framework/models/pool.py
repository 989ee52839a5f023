"""Max pooling whose gradient is fast on CPU.

The gradient of XLA's `reduce_window` is slow there: measured on (128, 28, 28, 32) with two
cores, value and gradient took 49 ms, and 3 ms by comparing each value with its window's
maximum, with equal results. Accelerators keep XLA's own. The choice is made where the program
is lowered, so it is right for programs compiled for another machine.
"""

from collections.abc import Sequence
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax

from framework.models.platform import on_platform

Padding = Literal["VALID", "SAME"] | tuple[tuple[int, int], tuple[int, int]]


def max_pool(
    x: jax.Array, window: int, *, stride: int | None = None, padding: Padding = "VALID"
) -> jax.Array:
    """The largest value in each square window of `x` [batch, height, width, channels].

    `stride` is the window's size where it is None. Values and gradients equal those of
    `nnx.max_pool`; where several values of a window are largest, the first has the gradient.
    """
    stride = stride or window
    if padding != "VALID":
        x = jnp.pad(x, _pads(x, window, stride, padding), constant_values=-jnp.inf)
    return _largest(window, stride, x)


def _pads(x: jax.Array, window: int, stride: int, padding: Padding) -> Sequence[tuple[int, int]]:
    if isinstance(padding, str):
        shape = (window, window), (stride, stride)
        return ((0, 0), *lax.padtype_to_pads(x.shape[1:3], *shape, padding), (0, 0))
    return ((0, 0), *padding, (0, 0))


def _reduce_window(window: int, stride: int, x: jax.Array) -> jax.Array:
    shape = (1, window, window, 1), (1, stride, stride, 1)
    largest: jax.Array = lax.reduce_window(x, -jnp.inf, lax.max, *shape, "VALID")
    return largest


_largest = jax.custom_jvp(_reduce_window, nondiff_argnums=(0, 1))


@_largest.defjvp
def _tangent(
    window: int, stride: int, primals: tuple[jax.Array], tangents: tuple[jax.Array]
) -> tuple[jax.Array, jax.Array]:
    largest = _largest(window, stride, *primals)
    return largest, on_platform(
        *primals,
        *tangents,
        cpu=partial(_moved_by_comparison, window, stride),
        default=partial(_moved, window, stride),
    )


def _moved(window: int, stride: int, x: jax.Array, tangent: jax.Array) -> jax.Array:
    moved: jax.Array = jax.jvp(partial(_reduce_window, window, stride), (x,), (tangent,))[1]
    return moved


def _moved_by_comparison(window: int, stride: int, x: jax.Array, tangent: jax.Array) -> jax.Array:
    """The tangent of the first of the largest values of each window.

    Which one that is, is found among the values themselves: a maximum computed elsewhere may
    differ from all of them in its last bit, where the compiler computes `x` twice.
    """
    first, *others = _views(window, stride, x)
    largest, place = first, jnp.zeros(first.shape, jnp.int8)
    for number, value in enumerate(others, 1):
        larger = value > largest
        largest = jnp.where(larger, value, largest)
        place = jnp.where(larger, jnp.int8(number), place)
    motions = _views(window, stride, tangent)
    moved: jax.Array = sum(
        (jnp.where(place == n, motion, 0) for n, motion in enumerate(motions)),
        jnp.zeros_like(first),
    )
    return moved


def _views(window: int, stride: int, x: jax.Array) -> list[jax.Array]:
    """For each place in the window, row by row, the values that all windows have there."""
    rows, columns = (stride * ((size - window) // stride) + 1 for size in x.shape[1:3])
    return [
        x[:, i : i + rows : stride, j : j + columns : stride]
        for i in range(window)
        for j in range(window)
    ]
