"""The table of slices, and what is said of those that there are not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.launch.slices import HARDWARE, check_mesh, every_slice, parse
from framework.parallel import MeshOptions
from framework.train.planning.target import TOPOLOGIES

SLICES = every_slice()


@pytest.mark.parametrize("slice", SLICES, ids=lambda each: f"{each.name}-{each.machine.name}")
def test_hosts_are_the_product_over_the_chips_of_a_machine(slice: object) -> None:
    found = parse(slice.name, slice.machine.name)  # type: ignore[attr-defined]
    assert found == slice
    chips = math.prod(map(int, found.topology.split("x")))
    assert found.hosts * found.machine.chips == chips == found.chips
    assert found.devices == chips * (2 if found.chip.name == "7x" else 1)
    assert found.target(1) == found.name
    assert found.target(2) == f"2x{found.name}"


@pytest.mark.parametrize(
    ("name", "accelerator", "machine", "hosts", "devices"),
    [
        ("v5e:16x16", "tpu-v5-lite-podslice", "ct5lp-hightpu-4t", 64, 256),
        ("v5e:1x1", "tpu-v5-lite-podslice", "ct5lp-hightpu-1t", 1, 1),
        ("v5e:2x4", "tpu-v5-lite-podslice", "ct5lp-hightpu-8t", 1, 8),
        ("v6e:4x4", "tpu-v6e-slice", "ct6e-standard-4t", 4, 16),
        ("v5p:2x2x2", "tpu-v5p-slice", "ct5p-hightpu-4t", 2, 8),
        ("v4:4x4x8", "tpu-v4-podslice", "ct4p-hightpu-4t", 32, 128),
        ("7x:2x2x1", "tpu7x", "tpu7x-standard-4t", 1, 8),
        ("tpu7x:4x4x12", "tpu7x", "tpu7x-standard-4t", 48, 384),
    ],
)
def test_slices_by_name(
    name: str, accelerator: str, machine: str, hosts: int, devices: int
) -> None:
    found = parse(name)
    assert (found.accelerator, found.machine.name) == (accelerator, machine)
    assert (found.hosts, found.devices) == (hosts, devices)


def test_the_same_name_may_be_of_two_machines() -> None:
    assert [parse("v6e:2x4", f"ct6e-standard-{n}t").hosts for n in (8, 4)] == [1, 2]


def refused(name: str, machine: str | None = None) -> str:
    with pytest.raises(InvalidConfig) as caught:
        parse(name, machine)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v5e:16x61", "launch.slice=v5e:16x61: expected a topology of v5e; "
                      "the nearest is v5e:16x16"),
        ("v5e:8x4", "did you mean 'v5e:4x8'?"),
        ("v5p:16x16", "the nearest is v5p:4x8x8"),
        ("7x:4x4x6", "expected a topology of 7x"),
        ("7x:8x4x4", "did you mean '7x:4x4x8'?"),
        ("v6f:8x8", "expected a TPU slice, such as v5e:16x16; the nearest is v6e:8x8"),
        ("v5e-256", "expected a TPU slice, such as v5e:16x16; the nearest is v5e:"),
        ("", "expected a TPU slice, such as v5e:16x16; chips: v4, v5e, v5p, v6e, 7x"),
        ("cpu:8", "expected a TPU slice"),
        ("local", "expected a TPU slice"),
        ("2xv5e:4x4", "expected one slice, and how many in launch.slices; "
                      "launch.slice=v5e:4x4 launch.slices=2"),
    ],
)  # fmt: skip
def test_impossible_slices_are_refused_with_the_nearest(name: str, said: str) -> None:
    assert said in refused(name)


def test_a_machine_of_which_it_is_not_made() -> None:
    said = refused("v5e:4x4", "ct5lp-hightpu-8t")
    assert "launch.machine=ct5lp-hightpu-8t: expected a machine that v5e:4x4 is made of" in said
    assert "did you mean 'ct5lp-hightpu-4t'?" in said


@given(st.sampled_from(sorted(HARDWARE)), st.lists(st.integers(0, 32), max_size=4))
def test_what_is_accepted_can_be_had(chip: str, sizes: list[int]) -> None:
    """Every name gives a slice of whole machines, or a line with one that there is."""
    name = f"{chip}:{'x'.join(map(str, sizes))}"
    try:
        found = parse(name)
    except InvalidConfig as error:
        said = str(error)
    else:
        said = f"{found.hosts} hosts, {found.topology}"
        assert found.hosts >= 1
        assert found.chips == math.prod(sizes)
    assert any(topology in said for topology in TOPOLOGIES[chip]) or "7x" in name


@pytest.mark.parametrize(
    ("mesh", "slices", "shape"),
    [
        (MeshOptions(data=-1), 1, {"data": 16}),
        (MeshOptions(fsdp=8, tensor=2), 1, {"fsdp": 8, "tensor": 2}),
        (MeshOptions(replica=2, fsdp=-1), 2, {"replica": 2, "fsdp": 16}),
    ],
)
def test_meshes_that_fit(mesh: MeshOptions, slices: int, shape: dict[str, int]) -> None:
    found = check_mesh(mesh, parse("v6e:4x4"), slices)
    assert {axis: size for axis, size in found.items() if size > 1} == shape


@pytest.mark.parametrize(
    ("mesh", "slices", "said"),
    [
        (MeshOptions(data=8), 1, "mesh=data 8: expected axes that multiply to the 16 devices"),
        (
            MeshOptions(fsdp=-1, tensor=3),
            1,
            "divides the 16 devices (it is 3); v6e:4x4 has 4 hosts",
        ),
        (MeshOptions(devices=8, data=-1), 1, "mesh.devices=8: expected all of the 16 devices"),
        (MeshOptions(data=16), 2, "2 × v6e:4x4 has 8 hosts, 32 devices in all"),
        (MeshOptions(devices=1), 1, "mesh.devices=1: expected all of the 16 devices"),
    ],
)
def test_hosts_that_do_not_fit_the_mesh(mesh: MeshOptions, slices: int, said: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        check_mesh(mesh, parse("v6e:4x4"), slices)
    assert said in str(caught.value)
