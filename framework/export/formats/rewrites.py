"""Primitives by other primitives, with the same values; which format needs which, it says."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def pool_by_slices(
    x: jax.Array,
    *,
    window_dimensions: tuple[int, ...],
    window_strides: tuple[int, ...],
    padding: tuple[tuple[int, int], ...],
    base_dilation: tuple[int, ...],
    window_dilation: tuple[int, ...],
) -> jax.Array:
    """`reduce_window_max` as the largest of the values at each place of the window.

    Raises:
        NotImplementedError: the window or the array has holes.
    """
    if {*base_dilation, *window_dilation} != {1}:
        raise NotImplementedError("reduce_window_max with dilation")
    x = pad_by_parts(x, -jnp.inf, padding_config=[(*sides, 0) for sides in padding])
    views = [x]
    for axis, (size, stride) in enumerate(zip(window_dimensions, window_strides, strict=True)):
        if (size, stride) == (1, 1):
            continue
        stop = stride * ((x.shape[axis] - size) // stride) + 1
        views = [
            lax.slice_in_dim(view, start, start + stop, stride, axis)
            for view in views
            for start in range(size)
        ]
    largest = views[0]
    for view in views[1:]:
        largest = lax.max(largest, view)
    return largest


def pad_by_parts(x: jax.Array, filling: Any, *, padding_config: Any) -> jax.Array:
    """`pad` as a concatenation.

    Raises:
        NotImplementedError: it pads inside of the array, or cuts.
    """
    for axis, (before, after, inside) in enumerate(padding_config):
        if inside or before < 0 or after < 0:
            raise NotImplementedError(f"pad by {(before, after, inside)}")
        shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in (before, after)]
        first, last = ([lax.full(s, filling, x.dtype)] if s[axis] else [] for s in shapes)
        x = lax.concatenate([*first, x, *last], axis) if first or last else x
    return x


def stack_by_parts(*parts: jax.Array, axis: int) -> jax.Array:
    """`stack` as a concatenation."""
    joined: jax.Array = lax.concatenate([lax.expand_dims(x, (axis,)) for x in parts], axis)
    return joined


def select_truth(which: jax.Array, *cases: jax.Array) -> jax.Array:
    """`select_n`, where truth values are chosen among by logic."""
    if cases[0].dtype != jnp.bool_ or which.dtype != jnp.bool_:
        chosen: jax.Array = lax.select_n(which, *cases)
        return chosen
    no, yes = cases
    return (which & yes) | (~which & no)


def argmax_by_place(x: jax.Array, *, axes: tuple[int, ...], index_dtype: Any) -> jax.Array:
    """`argmax` as the smallest place at which the largest value stands; not of NaN."""
    (axis,) = axes
    places = lax.broadcasted_iota(index_dtype, x.shape, axis)
    largest = x == x.max(axis, keepdims=True)
    return jnp.where(largest, places, x.shape[axis]).min(axis)


def gather_by_comparison(
    x: jax.Array, places: jax.Array, *, dimension_numbers: Any, **parameters: Any
) -> jax.Array:
    """`gather` of one place of an axis, or of places of its own for each row (`take_along_axis`).

    Another gather stays one. A place beyond the axis gives what `parameters` fill with.
    """
    by_row = _by_row(x, dimension_numbers)
    whole = by_row or _one_for_all(x, places, dimension_numbers, parameters["slice_sizes"])
    if not whole or not jnp.issubdtype(x.dtype, jnp.floating):
        chosen: jax.Array = lax.gather_p.bind(
            x, places, dimension_numbers=dimension_numbers, **parameters
        )
        return chosen
    (axis,) = dimension_numbers.start_index_map
    size = x.shape[axis]
    if parameters["mode"] == lax.GatherScatterMode.CLIP:
        places = jnp.clip(places, 0, size - 1)
    if by_row:  # there may be several places for each
        x = jnp.expand_dims(x, tuple(range(axis, places.ndim - 1)))
        axis = x.ndim - 1
    shape = [size if one == axis else 1 for one in range(x.ndim)]
    at = lax.broadcasted_iota(places.dtype, shape, axis) == places
    found: jax.Array = jnp.where(at, x, 0).sum(axis)
    if parameters["mode"] != lax.GatherScatterMode.FILL_OR_DROP:
        return found
    filling = jnp.nan if parameters["fill_value"] is None else parameters["fill_value"]
    return jnp.where(at.any(axis), found, filling)


def _by_row(x: jax.Array, numbers: Any) -> bool:
    rows = tuple(range(x.ndim - 1))
    batching = numbers.operand_batching_dims, numbers.start_indices_batching_dims
    return numbers.start_index_map == (x.ndim - 1,) and batching == (rows, rows)


def _one_for_all(x: jax.Array, places: jax.Array, numbers: Any, sizes: Any) -> bool:
    if places.shape != (1,) or numbers.collapsed_slice_dims != numbers.start_index_map:
        return False
    (axis,) = numbers.start_index_map
    return not numbers.operand_batching_dims and all(
        size == whole
        for place, (size, whole) in enumerate(zip(sizes, x.shape, strict=True))
        if place != axis
    )
