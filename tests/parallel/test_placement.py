"""Which rows of a batch each process holds, on meshes whose devices belong to several."""

from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import Mesh

from framework.parallel import AXES, MeshOptions, batch_putter, process_rows
from framework.parallel import placement as module

RULES = {"batch": ("replica", "data", "fsdp", "expert"), "embed": "fsdp"}


@dataclass(frozen=True)
class Device:
    """What of a device decides where rows go."""

    id: int
    process_index: int


class Sharding:
    """As `NamedSharding` divides one axis, in its own words: devices of one batch part are those
    with the same place along the batch axes.
    """

    def __init__(self, mesh: Mesh, spec: Any) -> None:
        self.mesh, self.axes = mesh, spec[0]

    def devices_indices_map(self, shape: tuple[int]) -> dict[Device, tuple[slice]]:
        sizes = [self.mesh.shape[axis] for axis in self.axes]
        found = {}
        for place in np.ndindex(self.mesh.devices.shape):
            along = dict(zip(self.mesh.axis_names, place, strict=True))
            part = int(np.ravel_multi_index([along[axis] for axis in self.axes], sizes))
            found[self.mesh.devices[place]] = (slice(part, part + 1),)
        return found


@dataclass(frozen=True)
class Grid:
    """The part of a mesh that is read."""

    devices: np.ndarray
    axis_names: tuple[str, ...] = AXES

    @property
    def shape(self) -> dict[str, int]:
        return dict(zip(AXES, self.devices.shape, strict=True))


def rows(sizes: dict[str, int], process: int, processes: int, size: int = 16) -> list[int] | None:
    shape = tuple(sizes.get(axis, 1) for axis in AXES)
    count = int(np.prod(shape))
    devices = np.array([Device(n, n * processes // count) for n in range(count)], object)
    grid: Any = Grid(devices.reshape(shape))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "NamedSharding", Sharding)
        found = process_rows(MeshOptions(rules=RULES), grid, size, process)
    return None if found is None else found.tolist()


def test_a_batch_divided_between_two_processes() -> None:
    assert rows({"data": 8}, 1, 2) == list(range(8, 16))
    assert rows({"data": 2, "tensor": 4}, 0, 2) == list(range(8))
    assert rows({"fsdp": 4, "expert": 2}, 1, 4) == [4, 5, 6, 7]


def test_processes_between_which_the_batch_is_not_divided_read_the_same_rows() -> None:
    assert rows({"tensor": 8}, 0, 2) is None
    assert rows({"tensor": 8}, 1, 2) is None
    assert rows({"data": 2, "tensor": 4}, 2, 4) == rows({"data": 2, "tensor": 4}, 3, 4)


def test_rows_that_do_not_follow_each_other() -> None:
    # `tensor` lies between processes, `sequence` within: two parts of the batch in each.
    assert rows({"data": 2, "tensor": 2, "sequence": 2}, 0, 2) == list(range(8))
    assert rows({"replica": 2, "tensor": 2, "expert": 2}, 1, 4, size=8) == [0, 1, 2, 3]
    assert rows({"replica": 2, "expert": 4}, 1, 4, size=8) == [2, 3]


def test_one_process_reads_all() -> None:
    assert rows({"data": 8}, 0, 1) is None


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.sampled_from([1, 2])] * 6), st.sampled_from([1, 2, 4, 8]), st.integers(1, 3))
def test_all_rows_are_read_and_equally_many_by_each(
    shape: tuple[int, ...], processes: int, share: int
) -> None:
    sizes = dict(zip(AXES, shape, strict=True))
    if int(np.prod(shape)) % processes:
        return
    size = share * sizes["replica"] * sizes["data"] * sizes["fsdp"] * sizes["expert"]
    found = [rows(sizes, process, processes, size) for process in range(processes)]
    read = [list(range(size)) if each is None else each for each in found]
    assert all(each == sorted(set(each)) for each in read)
    assert {row for each in read for row in each} == set(range(size))
    assert len({len(each) for each in read}) == 1


def test_parts_of_a_batch_lie_where_they_are_wanted() -> None:
    """The assembling of several processes' parts, on this process's devices alone."""
    mesh = Mesh(np.array(jax.devices()).reshape(1, 4, 2, 1, 1, 1), AXES)
    sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(None, RULES["batch"]))
    whole = np.arange(2 * 16 * 3).reshape(2, 16, 3)
    placed = module._assembled(whole, sharding, 1, tuple(range(8)), 8)
    np.testing.assert_array_equal(np.asarray(placed), whole)
    assert placed.sharding == sharding


@pytest.mark.parametrize("stacked", [False, True])
def test_one_process_puts_whole_batches(stacked: bool) -> None:
    mesh = Mesh(np.array(jax.devices()).reshape(1, 4, 2, 1, 1, 1), AXES)
    put = batch_putter(MeshOptions(rules=RULES), mesh, stacked=stacked)
    batch = {"x": np.arange(64).reshape((2, 8, 4) if stacked else (16, 4))}
    np.testing.assert_array_equal(put(batch)["x"], batch["x"])
