"""Sizes of the mesh axes and what is said when they do not fit."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.config.build import read
from framework.parallel import AXES, MeshOptions, build_mesh

RULES = {"batch": ("data", "fsdp"), "embed": "fsdp"}


def refused(options: MeshOptions, devices: int) -> str:
    with pytest.raises(InvalidConfig) as caught:
        options.shape(devices)
    return str(caught.value)


@given(st.sampled_from(AXES), st.integers(1, 4), st.integers(1, 8))
def test_an_axis_of_minus_one_takes_what_is_left(axis: str, fixed: int, times: int) -> None:
    other = next(name for name in AXES if name != axis)
    shape = MeshOptions(**{axis: -1, other: fixed}).shape(fixed * times)
    assert shape[axis] == times
    assert math.prod(shape.values()) == fixed * times


def test_the_mesh_has_every_axis() -> None:
    mesh = build_mesh(MeshOptions(data=2, fsdp=-1))
    assert dict(mesh.shape) == dict.fromkeys(AXES, 1) | {"data": 2, "fsdp": 4}
    assert mesh.devices.flatten().tolist() == jax.devices()


def test_fewer_devices_than_there_are() -> None:
    assert build_mesh(MeshOptions(devices=1)).size == 1


def test_batch_shards() -> None:
    assert MeshOptions(data=2, fsdp=2, tensor=2, rules=RULES).batch_shards(8) == 4


@pytest.mark.parametrize(
    ("options", "devices", "said"),
    [
        (MeshOptions(data=3, fsdp=-1), 8,
         "mesh=data 3 × fsdp -1: expected axes whose product divides the 8 devices (it is 3)"),
        (MeshOptions(data=2), 8,
         "mesh=data 2: expected axes that multiply to the 8 devices (they give 2); "
         "set one axis to -1, or mesh.devices=2"),
        (MeshOptions(data=16), 8, "expected axes that multiply to the 8 devices (they give 16)"),
        (MeshOptions(devices=9), 8, "mesh.devices=9: expected at most 8"),
    ],
)  # fmt: skip
def test_a_mesh_that_does_not_fit(options: MeshOptions, devices: int, said: str) -> None:
    assert said in refused(options, devices)


def test_two_axes_of_minus_one_and_unknown_axes_in_rules() -> None:
    problems = MeshOptions(data=-1, fsdp=-1, rules={"embed": "fdsp"}).check()
    assert [str(p) for p in problems] == [
        "mesh.fsdp=-1: expected at most one axis of -1 (there are 2: data, fsdp); "
        "give a number for one",
        "mesh.rules.embed=fdsp: expected a mesh axis; did you mean 'fsdp'? "
        "choices: data, expert, fsdp, replica, sequence, tensor",
    ]


@dataclass(frozen=True)
class Device:
    """A device of one of several slices, as JAX describes it."""

    id: int
    slice_index: int
    platform: str = "gpu"  # whose devices within a slice have no coordinates
    device_kind: str = "fake"
    process_index: int = 0


def slices_along(options: MeshOptions, slices: int, devices: int) -> dict[str, int]:
    """How many slices are met on the way along each axis, from the mesh's first device on."""
    fakes: list[Any] = [Device(n, n * slices // devices) for n in range(devices)]
    grid = build_mesh(options, fakes).devices
    assert len({device.id for device in grid.flat}) == devices
    lines = {axis: np.moveaxis(grid, place, 0) for place, axis in enumerate(AXES)}
    return {
        axis: count
        for axis, line in lines.items()
        if (count := len({device.slice_index for device in line.reshape(len(line), -1)[:, 0]})) > 1
    }


@pytest.mark.parametrize(
    ("options", "along"),
    [
        (MeshOptions(replica=2, fsdp=-1), {"replica": 2}),
        (MeshOptions(replica=4, fsdp=-1), {"replica": 2}),  # two replicas in each slice
        (MeshOptions(data=-1, tensor=2), {"data": 2}),
        (MeshOptions(fsdp=-1), {"fsdp": 2}),
        (MeshOptions(tensor=-1), {"tensor": 2}),
    ],
)
def test_the_outermost_axes_lie_between_slices(options: MeshOptions, along: dict[str, int]) -> None:
    assert slices_along(options, 2, 8) == along


def test_several_axes_lie_between_slices() -> None:
    assert slices_along(MeshOptions(replica=2, data=2, tensor=-1), 4, 16) == {
        "replica": 2, "data": 2,
    }  # fmt: skip


def test_axes_that_cannot_be_cut_into_slices() -> None:
    three: list[Any] = [Device(n, n // 3) for n in range(8)]
    with pytest.raises(InvalidConfig, match=r"mesh.replica=2: expected a multiple of the 3 slices"):
        build_mesh(MeshOptions(replica=2, tensor=-1), three)


def test_slices_that_are_not_alike() -> None:
    uneven: list[Any] = [Device(n, n // 5) for n in range(8)]
    with pytest.raises(InvalidConfig, match=r"mesh=replica 2 × tensor 4: expected devices"):
        build_mesh(MeshOptions(replica=2, tensor=-1), uneven)


@pytest.mark.parametrize("size", [0, -2])
def test_sizes_are_positive_or_minus_one(size: int) -> None:
    _, problems = read({"_target_": "framework.parallel.MeshOptions", "data": size}, "mesh")
    assert [str(p) for p in problems] == [
        f"mesh.data={size}: expected a positive number of devices, or -1 for all that are left"
    ]
