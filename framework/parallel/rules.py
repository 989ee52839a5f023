"""From the names of an array's axes to the mesh axes they are divided over."""

import math
from collections.abc import Mapping, Sequence

from jax.sharding import PartitionSpec

from framework.config import InvalidConfig, Problem
from framework.parallel.mesh import MeshOptions


def partition(
    path: str,
    shape: Sequence[int],
    axes: Sequence[str],
    options: MeshOptions,
    mesh_shape: Mapping[str, int],
) -> PartitionSpec:
    """Where an array of `shape`, whose axes are called `axes`, lies on the mesh.

    A mesh axis is used once for an array: the first of its axes that has a rule takes it. So one
    rule serves parameters and activations: in [batch, sequence, embed] the batch has taken `fsdp`.

    Raises:
        InvalidConfig: an axis does not divide; the line names `path`, the shape and the rule.
    """
    used: set[str] = set()
    parts: list[tuple[str, ...] | str | None] = []
    for name, size in zip(axes, shape, strict=True):
        rule = options.rules.get(name, ())
        wanted = (rule,) if isinstance(rule, str) else rule
        wanted = tuple(a for a in wanted if a not in used and mesh_shape[a] > 1)
        ways = math.prod(mesh_shape[axis] for axis in wanted)
        if size % ways:
            if name not in options.replicate_if_uneven:
                raise InvalidConfig(_uneven(path, tuple(shape), name, size, wanted, ways))
            wanted = ()
        used.update(wanted)
        parts.append(wanted if len(wanted) > 1 else wanted[0] if wanted else None)
    return PartitionSpec(*parts)


def batch_partition(options: MeshOptions, *, stacked: bool = False) -> PartitionSpec:
    """A batch is divided along its first axis; along its second when steps are stacked."""
    rule = options.rules.get("batch", ())
    axes = (rule,) if isinstance(rule, str) else rule
    return PartitionSpec(None, axes or None) if stacked else PartitionSpec(axes or None)


def _uneven(
    path: str, shape: tuple[int, ...], name: str, size: int, axes: tuple[str, ...], ways: int
) -> Problem:
    return Problem(
        f"mesh.rules.{name}",
        "+".join(axes),
        f"an axis that divides {name}={size} of {path} {shape} (it is {ways})",
        f"change the mesh or the model, or add '{name}' to mesh.replicate_if_uneven",
    )
