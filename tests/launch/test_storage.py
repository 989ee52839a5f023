"""What is brought here from the storage, and what is taken there."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from framework.config import InvalidConfig
from framework.launch.evidence import STOP_REQUEST
from framework.launch.storage import Storage, StorageError, open_storage

TRIAL = "trials/7"


@pytest.fixture
def storage() -> Iterator[Storage]:
    """In memory, as a bucket is: no folders, only names."""
    address = f"memory://{uuid.uuid4().hex}"
    yield open_storage("launch.storage", address, "sweep")
    with contextlib.suppress(FileNotFoundError):
        fsspec.filesystem("memory").rm(address, recursive=True)


def fill(storage: Storage, *names: str) -> None:
    for name in names:
        storage.write(f"{TRIAL}/{name}", name)


def test_a_run_directory_comes_without_its_checkpoints(storage: Storage, tmp_path: Path) -> None:
    fill(storage, "summary.json", "evaluation/validation/metrics.json", ".lock", "events/x",
         "checkpoints/100/manifest.json", "checkpoints/100/state/data")  # fmt: skip
    storage.collect(TRIAL, tmp_path)
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert found == ["evaluation/validation/metrics.json", "summary.json"]
    storage.collect(TRIAL, tmp_path, checkpoints=True)
    assert (tmp_path / "checkpoints/100/state/data").read_text() == "checkpoints/100/state/data"


def test_the_step_is_that_of_the_newest_whole_checkpoint(storage: Storage) -> None:
    fill(storage, "metrics.jsonl")
    assert storage.step(TRIAL) == 0
    assert storage.step("trials/8") == 0
    fill(storage, "checkpoints/200/manifest.json", "checkpoints/1000/manifest.json",
         "checkpoints/1200/state/data", "checkpoints/1400.tmp/manifest.json")  # fmt: skip
    assert storage.step(TRIAL) == 1000


def test_what_a_trial_logs_is_followed(storage: Storage, tmp_path: Path) -> None:
    storage.follow(TRIAL, tmp_path)  # nothing is there yet
    assert not list(tmp_path.iterdir())
    for text in ("one\n", "one\ntwo\n"):
        storage.write(f"{TRIAL}/metrics.jsonl", text)
        storage.follow(TRIAL, tmp_path)
        assert (tmp_path / "metrics.jsonl").read_text() == text


def test_requests_to_stop_are_taken_there_and_back(storage: Storage, tmp_path: Path) -> None:
    request, there = tmp_path / STOP_REQUEST, f"{TRIAL}/{STOP_REQUEST}"
    request.write_text("{}")
    storage.follow(TRIAL, tmp_path)
    assert storage.read(there) == "{}"
    storage.admit(TRIAL, tmp_path)
    assert storage.read(there) == "{}"
    request.unlink()
    storage.admit(TRIAL, tmp_path)
    assert storage.read(there) is None


def test_an_address_that_fsspec_does_not_know() -> None:
    with pytest.raises(InvalidConfig, match=r"launch\.storage=nowhere://x: expected an address"):
        open_storage("launch.storage", "nowhere://x", "sweep")


def test_where_the_sweep_lies_on_a_mount_nothing_is_copied(tmp_path: Path) -> None:
    storage = open_storage("launch.storage", str(tmp_path), "sweep")
    run = tmp_path / "sweep" / TRIAL
    fill(storage, "summary.json")
    before = (run / "summary.json").stat().st_mtime_ns
    storage.collect(TRIAL, run)
    assert (run / "summary.json").stat().st_mtime_ns == before


def test_a_storage_in_trouble_is_one_line(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionError("no route\nto the bucket")

    monkeypatch.setattr(type(storage.files), "glob", fail)
    with pytest.raises(StorageError, match=r"^the storage cannot be reached: no route$"):
        storage.step(TRIAL)
