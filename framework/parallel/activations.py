"""Where the arrays inside a model lie: by the names of their axes, as the mesh's rules say.

With parameters alone annotated XLA must guess the rest, and guesses whole copies of it on some
meshes. A model names the axes of its main activations; the mesh and its rules are known only to
the program that is traced.
"""

from collections.abc import Callable
from contextvars import ContextVar
from functools import wraps
from typing import ParamSpec, TypeVar

import jax
from jax.sharding import AbstractMesh, Mesh, NamedSharding

from framework.parallel.mesh import MeshOptions
from framework.parallel.rules import partition

P = ParamSpec("P")
R = TypeVar("R")

AnyMesh = Mesh | AbstractMesh
_placing: ContextVar[tuple[MeshOptions, AnyMesh] | None] = ContextVar("placing", default=None)


def constrain(x: jax.Array, *axes: str) -> jax.Array:
    """`x`, whose dimensions are called `axes`, laid out by the rules of the program's mesh.

    Outside a program that is traced by `placed`, and on one device, it is `x` as it is.

    Raises:
        InvalidConfig: a dimension does not divide over the mesh axes that its rule names.
    """
    placing = _placing.get()
    if placing is None or placing[1].size == 1:
        return x
    options, mesh = placing
    where = partition(f"an activation [{', '.join(axes)}]", x.shape, axes, options, mesh.shape)
    laid: jax.Array = jax.lax.with_sharding_constraint(x, NamedSharding(mesh, where))
    return laid


def divided(axis: str) -> bool:
    """Whether the rules of the program's mesh divide activations along `axis`."""
    placing = _placing.get()
    if placing is None:
        return False
    options, mesh = placing
    rule = options.rules.get(axis, ())
    return any(mesh.shape[name] > 1 for name in ((rule,) if isinstance(rule, str) else rule))


def placed(function: Callable[P, R], options: MeshOptions, mesh: AnyMesh) -> Callable[P, R]:
    """`function`, inside which `constrain` follows the rules of `options` on `mesh`."""

    @wraps(function)
    def inside(*arguments: P.args, **keywords: P.kwargs) -> R:
        token = _placing.set((options, mesh))
        try:
            return function(*arguments, **keywords)
        finally:
            _placing.reset(token)

    return inside
