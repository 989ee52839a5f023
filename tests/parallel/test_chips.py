"""The table of chips, and how JAX's names find their row."""

import pytest

from framework.parallel.chips import CHIPS, chip_of


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("TPU v4", "v4"), ("TPU v5 lite", "v5e"), ("TPU v5", "v5p"), ("TPU v5p", "v5p"),
        ("TPU v6 lite", "v6e"), ("TPU7x", "7x"), ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"), ("NVIDIA H200", "H200"), ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40S"), ("NVIDIA A100-SXM4-40GB", "A100 40GB"),
        ("Tesla V100-SXM2-16GB", "V100"),
    ],
)  # fmt: skip
def test_names_of_jax(kind: str, name: str) -> None:
    chip = chip_of(kind)
    assert chip is not None
    assert chip.name == name


@pytest.mark.parametrize("kind", ["cpu", "TPU v3", "NVIDIA L", "NVIDIA H1000", ""])
def test_unknown_names(kind: str) -> None:
    assert chip_of(kind) is None


def test_a_chip_of_two_devices_is_shared_between_them() -> None:
    device = chip_of("TPU7x")
    assert device is not None
    assert device.peak["bfloat16"] == pytest.approx(2307e12 / 2)
    assert device.memory == 96 * 2**30


@pytest.mark.parametrize("chip", CHIPS, ids=lambda chip: chip.name)
def test_the_numbers_are_of_one_unit(chip: object) -> None:
    """A digit too many or too few is out of these ranges."""
    assert 5e13 < chip.peak["bfloat16"] < 5e15  # type: ignore[attr-defined]
    assert chip.peak["float32"] <= chip.peak["bfloat16"]  # type: ignore[attr-defined]
    assert 1e10 < chip.memory < 1e12  # type: ignore[attr-defined]
    assert 2e11 < chip.bandwidth < 1e13  # type: ignore[attr-defined]
    assert 3e10 <= chip.interconnect < chip.bandwidth  # type: ignore[attr-defined]
    assert chip.network is None or chip.network < chip.interconnect  # type: ignore[attr-defined]
