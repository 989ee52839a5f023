"""Lower bounds of a step's time, by hand."""

from dataclasses import dataclass

import pytest

from framework.parallel.chips import Chip, chip_of
from framework.parallel.collectives import Collective
from framework.parallel.roofline import (
    Reach,
    Roofline,
    compute_seconds,
    interconnect_seconds,
    reach,
    shares,
)


@dataclass(frozen=True)
class Place:
    """A device of a torus."""

    coords: tuple[int, int, int]
    slice_index: int | None = None


@dataclass(frozen=True)
class Card:
    """A device behind a switch."""

    process_index: int


TORUS = [Place((x, y, 0)) for y in range(4) for x in range(4)]


@pytest.fixture
def v5e() -> Chip:
    chip = chip_of("TPU v5 lite")
    assert chip is not None
    return chip


def collective(kind: str, size: int, group: tuple[int, ...], axes: str = "fsdp") -> Collective:
    return Collective(kind, size, (group,), (axes,), times=3)


def test_arithmetic_at_the_rate_of_each_type(v5e: Chip) -> None:
    found = compute_seconds({"bfloat16": 197e12, "int8": 394e12}, v5e, devices=2)
    assert found == pytest.approx(1.0)


def test_reach_in_a_torus(v5e: Chip) -> None:
    assert reach(TORUS[:4], v5e) == Reach(1, 100e9)  # one ring: two of four links
    assert reach(TORUS, v5e) == Reach(1, 200e9)
    assert reach([Place((0, 0, 0), 0), Place((0, 0, 0), 1)], v5e).slices == 2


def test_reach_behind_a_switch() -> None:
    chip = chip_of("NVIDIA H100 80GB HBM3")
    assert chip is not None
    assert reach([Card(0), Card(0)], chip) == Reach(1, 450e9)
    assert reach([Card(0), Card(1)], chip) == Reach(2, 450e9)


def test_collectives_along_one_axis_add_up(v5e: Chip) -> None:
    row, column = (0, 1, 2, 3), (0, 4, 8, 12)
    found = interconnect_seconds(
        [
            collective("all-gather", 1000, row),
            collective("all-reduce", 1000, row),
            collective("all-gather", 1000, column, "tensor"),
        ],
        TORUS,
        v5e,
    )
    assert found["fsdp"] == pytest.approx(3 * (750 + 1500) / 100e9)
    assert found["tensor"] == pytest.approx(3 * 750 / 100e9)
    assert found["all"] == pytest.approx(3 * 3000 / 200e9)


def test_between_slices_each_device_sends_its_part(v5e: Chip) -> None:
    devices = [Place((x, 0, 0), s) for s in range(2) for x in range(4)]
    whole = collective("all-reduce", 1000, tuple(range(8)))
    # Within: 2 · 3/4; between: each of four sends its quarter, as one of two, twice.
    assert shares(whole, 2) == pytest.approx((3 * 1500, 3 * 250))
    found = interconnect_seconds([whole], devices, v5e)
    assert found["network of fsdp"] == pytest.approx(3 * 250 / 3.125e9)
    assert found["fsdp"] == pytest.approx(3 * 1500 / 100e9)
    pair = collective("all-reduce", 1000, (0, 4), "replica")
    assert shares(pair, 2) == pytest.approx((0, 3 * 1000))


def test_the_slowest_is_the_bound() -> None:
    line = Roofline(compute=1.0, memory=2.0, interconnect={"fsdp": 3.0, "all": 0.5})
    assert (line.seconds, line.limit) == (3.0, "interconnect (fsdp)")
    assert Roofline(1.0, 0.5, {}).limit == "arithmetic"
    network = Roofline(1.0, 0.5, {"network of replica": 9.0})
    assert network.limit == "network of replica"
