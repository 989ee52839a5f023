"""What is here, and how workers share it."""

from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.launch.devices import Devices, Kind, here, shares

GPUS = Devices("gpu", ("0", "1", "2", "3"))


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    for name in ("nvidia0", "nvidia1", "nvidia10", "nvidiactl", "null"):
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({}, Devices("gpu", ("0", "1", "10"))),
        ({"CUDA_VISIBLE_DEVICES": "3, GPU-ab"}, Devices("gpu", ("3", "GPU-ab"))),
        ({"JAX_PLATFORMS": "cuda,cpu"}, Devices("gpu", ("0", "1", "10"))),
    ],
)
def test_gpus_are_counted_by_their_files_or_as_the_user_says(
    dev: Path, environment: dict[str, str], found: Devices
) -> None:
    assert here(environment, dev) == found


@pytest.mark.parametrize(
    "environment", [{"JAX_PLATFORMS": "cpu"}, {"CUDA_VISIBLE_DEVICES": ""},
                    {"CUDA_VISIBLE_DEVICES": "-1"}],
)  # fmt: skip
def test_without_any_there_are_cores(dev: Path, environment: dict[str, str]) -> None:
    assert here(environment, dev).kind == "cpu"


@pytest.mark.parametrize("names", [["accel0", "accel1"], ["vfio/0", "vfio/1", "vfio/vfio"]])
def test_chips_of_a_tpu(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "vfio").mkdir()
    for name in names:
        (tmp_path / name).touch()
    assert here({}, tmp_path) == Devices("tpu", ("0", "1"))


def test_auto_is_a_worker_for_each_accelerator_and_one_on_a_cpu() -> None:
    assert [share.environment for share in shares(GPUS, "auto")] == [
        {"CUDA_VISIBLE_DEVICES": n} for n in "0123"
    ]
    (only,) = shares(Devices("cpu", ("0", "1")), "auto")
    assert (only.environment, only.cores, only.shown) == ({}, (), "cpu")


@pytest.mark.parametrize(("workers", "sizes"), [(1, [0]), (2, [2, 2]), (4, [1, 1, 1, 1])])
def test_devices_are_divided_evenly(workers: int, sizes: list[int]) -> None:
    found = [share.environment.get("CUDA_VISIBLE_DEVICES", "") for share in shares(GPUS, workers)]
    assert [len(list(filter(None, names.split(",")))) for names in found] == sizes


def test_cores_are_shared_without_overlap() -> None:
    found = [share.cores for share in shares(Devices("cpu", ("0", "1", "4", "5")), 2)]
    assert found == [(0, 1), (4, 5)]


def test_more_cores_go_to_the_first_workers() -> None:
    found = [share.cores for share in shares(Devices("cpu", tuple("01234567")), 3)]
    assert found == [(0, 1, 2), (3, 4, 5), (6, 7)]


@pytest.mark.parametrize(("kind", "name"), [("gpu", "GPUs"), ("tpu", "TPU chips")])
def test_accelerators_have_equal_parts(kind: Kind, name: str) -> None:
    expected = rf"launch\.workers=3: expected a number that divides the 4 {name} here: 1, 2, 4"
    with pytest.raises(InvalidConfig, match=expected):
        shares(Devices(kind, ("0", "1", "2", "3")), 3)


def test_a_chip_of_a_tpu_is_a_process_of_its_own() -> None:
    first, second = shares(Devices("tpu", ("0", "1")), 2)
    assert first.environment["TPU_VISIBLE_CHIPS"] == "0"
    assert second.environment["TPU_VISIBLE_CHIPS"] == "1"
    assert second.environment["TPU_CHIPS_PER_PROCESS_BOUNDS"] == "1,1,1"


def test_more_workers_than_devices_are_refused() -> None:
    with pytest.raises(InvalidConfig, match=r"launch\.workers=5: expected at most the 4 GPUs here"):
        shares(GPUS, 5)
