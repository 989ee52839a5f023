"""Which way to compute something, by the platform that it is computed on."""

from collections.abc import Callable
from typing import Any

import jax
from jax import lax


def on_platform(
    *operands: Any, cpu: Callable[..., jax.Array], default: Callable[..., jax.Array]
) -> jax.Array:
    """`cpu(*operands)` on a CPU, `default(*operands)` elsewhere.

    Under a mesh its devices decide, while tracing. Without one both are traced and the choice is
    made where the program is lowered, so that it is right for a program of several platforms.
    """
    platform = mesh_platform()
    if platform is None:
        chosen: jax.Array = lax.platform_dependent(*operands, cpu=cpu, default=default)
        return chosen
    return (cpu if platform == "cpu" else default)(*operands)


def mesh_platform() -> str | None:
    """The platform of the mesh under which a program is traced; None without a mesh."""
    device = jax.sharding.get_abstract_mesh().abstract_device
    return getattr(device, "platform", None)
