"""Rotary positions: queries and keys turned by angles that grow with their positions."""

import jax
import jax.numpy as jnp

Rotation = tuple[jax.Array, jax.Array]


def rotation(positions: jax.Array, head_dim: int, base: float) -> Rotation:
    """Cosines and sines float32 [batch, sequence, head_dim / 2] of `positions` [batch, sequence].

    Pair i of a head turns by position / base^(2i / head_dim), arXiv:2104.09864.
    """
    frequencies = base ** -(jnp.arange(0, head_dim, 2, dtype=jnp.float32) / head_dim)
    angles = positions[..., None].astype(jnp.float32) * frequencies
    return jnp.cos(angles), jnp.sin(angles)


def rotate(x: jax.Array, turn: Rotation) -> jax.Array:
    """`x` [batch, sequence, heads, head_dim], whose value i and i + head_dim / 2 are a pair."""
    cos, sin = (part[:, :, None, :] for part in turn)
    first, second = jnp.split(x.astype(jnp.float32), 2, -1)
    turned = jnp.concatenate([first * cos - second * sin, second * cos + first * sin], -1)
    return turned.astype(x.dtype)
