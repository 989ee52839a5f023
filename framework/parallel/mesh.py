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
        shown = _shown(self.sizes)
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
        return self.batch_parts(self.shape(available))

    def batch_parts(self, shape: Mapping[str, int]) -> int:
        """Into how many parts a batch is divided on a mesh of `shape`."""
        return math.prod(shape[axis] for axis in _several(self.rules.get("batch", ())))


def build_mesh(options: MeshOptions, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """The mesh of `options` over `devices` (all of them unless given), neighbours innermost.

    Axes are Auto: XLA places what the annotations leave open.

    Raises:
        InvalidConfig: the sizes do not fit the devices or the slices they belong to.
    """
    devices = list(devices if devices is not None else jax.devices())
    shape = options.shape(len(devices))
    chosen = devices[: math.prod(shape.values())]
    return Mesh(_grid(shape, chosen), tuple(shape), axis_types=(AxisType.Auto,) * len(shape))


def _grid(shape: Mapping[str, int], devices: Sequence[jax.Device]) -> np.ndarray:
    """The devices by mesh axis: slices along the outermost axes, neighbours within a slice."""
    sizes = tuple(shape.values())
    if len(devices) == 1 or devices[0].platform == "cpu":
        return np.array(devices).reshape(sizes)
    slices = {getattr(device, "slice_index", 0) for device in devices}
    if len(slices) == 1:
        types = (AxisType.Auto,) * len(sizes)
        return jax.make_mesh(sizes, tuple(shape), devices=devices, axis_types=types).devices
    from jax.experimental.mesh_utils import create_hybrid_device_mesh

    between = slice_axes(shape, len(slices))
    within = [size // between[axis] for axis, size in shape.items()]
    try:
        grid: np.ndarray = create_hybrid_device_mesh(
            within,
            tuple(between.values()),
            devices,
            allow_split_physical_axes=devices[0].device_kind in ("TPU v5 lite", "TPU v5e"),
        )
    except ValueError as error:
        expected, hint = f"devices that lie alike in {len(slices)} slices", str(error)
        raise InvalidConfig(Problem("mesh", _shown(shape), expected, hint)) from error
    return grid


def slice_axes(shape: Mapping[str, int], slices: int) -> dict[str, int]:
    """How many slices (of a TPU pod, or nodes of GPUs) lie along each axis of the mesh.

    The network between slices is slow: the outermost axes, `replica` first, get them.

    Raises:
        InvalidConfig: the axes cannot be cut into so many.
    """
    left, along = slices, {}
    for axis, size in shape.items():
        along[axis] = math.gcd(size, left)
        left //= along[axis]
    if left > 1:
        expected = f"a multiple of the {slices} slices that the devices belong to"
        raise InvalidConfig(Problem("mesh.replica", shape["replica"], expected))
    return along


def _shown(sizes: Mapping[str, int]) -> str:
    return " × ".join(f"{axis} {n}" for axis, n in sizes.items() if n != 1) or "1"


def _several(axes: str | tuple[str, ...]) -> tuple[str, ...]:
    return (axes,) if isinstance(axes, str) else axes
