"""The mesh of devices: how many along each axis, and which named axes of arrays go where."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import jax
import numpy as np
from jax.sharding import AxisType, Mesh
from pydantic import AfterValidator

from framework.config import InvalidConfig, PositiveInt, Problem, nearest

AXES = ("replica", "data", "fsdp", "tensor", "sequence", "expert")
REST = -1


def _size(value: int) -> int:
    if value != REST and value < 1:
        raise ValueError("a positive number of devices, or -1 for all that are left")
    return value


Size = Annotated[int, AfterValidator(_size)]


@dataclass(frozen=True)
class MeshOptions:
    """Sizes of the mesh axes; one may be -1 and takes the devices that are left.

    `rules` maps the names that models give to the axes of their arrays (`batch`, `embed`,
    `channels_out`, …) to one mesh axis or several; a name without a rule is replicated. Names in
    `replicate_if_uneven` are replicated where their size does not divide; elsewhere that is an
    error. `devices` limits the mesh to the first so many devices.
    """

    replica: Size = 1
    data: Size = 1
    fsdp: Size = 1
    tensor: Size = 1
    sequence: Size = 1
    expert: Size = 1
    devices: PositiveInt | None = None
    rules: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    replicate_if_uneven: tuple[str, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Axis name to size as given, -1 included."""
        return {axis: getattr(self, axis) for axis in AXES}

    def check(self) -> list[Problem]:
        """What is wrong whatever the number of devices."""
        problems = []
        rest = [axis for axis, size in self.sizes.items() if size == REST]
        if len(rest) > 1:
            expected = f"at most one axis of -1 (there are {len(rest)}: {', '.join(rest)})"
            problems.append(Problem(f"mesh.{rest[1]}", REST, expected, "give a number for one"))
        for name, axes in self.rules.items():
            for axis in _several(axes):
                if axis not in AXES:
                    hint = nearest(axis, AXES)
                    problems.append(Problem(f"mesh.rules.{name}", axis, "a mesh axis", hint))
        return problems

    def shape(self, available: int) -> dict[str, int]:
        """Axis name to size on `available` devices.

        Raises:
            InvalidConfig: the sizes do not multiply to the devices.
        """
        count = min(self.devices or available, available)
        if self.devices is not None and self.devices > available:
            raise InvalidConfig(
                Problem(
                    "mesh.devices",
                    self.devices,
                    f"at most {available}",
                    "that is all the devices there are",
                )
            )
        fixed = math.prod(size for size in self.sizes.values() if size != REST)
        shown = " × ".join(f"{axis} {n}" for axis, n in self.sizes.items() if n != 1) or "1"
        if REST in self.sizes.values():
            if count % fixed:
                expected = f"axes whose product divides the {count} devices (it is {fixed})"
                raise InvalidConfig(Problem("mesh", shown, expected, "change one of its axes"))
            return {a: count // fixed if n == REST else n for a, n in self.sizes.items()}
        if fixed != count:
            expected = f"axes that multiply to the {count} devices (they give {fixed})"
            hint = (
                f"set one axis to -1, or mesh.devices={fixed}"
                if fixed < count
                else ("set one axis to -1")
            )
            raise InvalidConfig(Problem("mesh", shown, expected, hint))
        return self.sizes

    def batch_shards(self, available: int) -> int:
        """Into how many parts a batch is divided on `available` devices."""
        shape = self.shape(available)
        return math.prod(shape[axis] for axis in _several(self.rules.get("batch", ())))


def build_mesh(options: MeshOptions, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """The mesh of `options` over `devices` (all of them unless given), neighbours innermost.

    Axes are Auto: XLA places what the annotations leave open.
    """
    devices = list(devices if devices is not None else jax.devices())
    shape = options.shape(len(devices))
    count = math.prod(shape.values())
    chosen = devices[:count]
    if count == 1 or chosen[0].platform == "cpu":
        grid = np.array(chosen).reshape(tuple(shape.values()))
        return Mesh(grid, tuple(shape), axis_types=(AxisType.Auto,) * len(shape))
    return jax.make_mesh(
        tuple(shape.values()),
        tuple(shape),
        devices=chosen,
        axis_types=(AxisType.Auto,) * len(shape),
    )


def _several(axes: str | tuple[str, ...]) -> tuple[str, ...]:
    return (axes,) if isinstance(axes, str) else axes
