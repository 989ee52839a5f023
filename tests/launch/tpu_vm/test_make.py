"""What is told before machines are asked for."""

from pathlib import Path
from typing import Any

import pytest

from framework.config import InvalidConfig
from framework.launch.request import Request
from framework.launch.tpu_vm import cloud, make
from framework.launch.tpu_vm.make import make_place

LAUNCH = {"slice": "v5e:2x4", "project": "my-project", "zone": "us-east5-b",
          "storage": "gs://bucket/runs", "install": ["framework[tpu]"]}  # fmt: skip


def request(tmp_path: Path, **launch: Any) -> Request:
    return Request("digits", tmp_path, (), (), launcher="tpu_vm", launch={**LAUNCH, **launch})


def test_an_account_that_may_not_is_a_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(command: object) -> str:
        raise cloud.Refused("You do not currently have an active account selected.")

    monkeypatch.setattr(cloud, "run", refuse)
    monkeypatch.setattr(make, "check_meshes", lambda request, slice, slices: None)
    with pytest.raises(InvalidConfig, match=r"Cloud TPU in my-project; gcloud says: You do not"):
        make_place(request(tmp_path))


@pytest.mark.parametrize("slice", [5, None, "v5e:3x3"])
def test_a_slice_that_is_none(tmp_path: Path, slice: object) -> None:
    said = "null" if slice is None else str(slice)
    with pytest.raises(InvalidConfig, match=rf"launch\.slice={said}: expected"):
        make_place(request(tmp_path, slice=slice))


@pytest.mark.parametrize("slices", [0, "x", 1.5])
def test_a_number_of_slices_that_is_none(tmp_path: Path, slices: object) -> None:
    with pytest.raises(InvalidConfig, match=rf"launch\.slices={slices}: expected a number from 1"):
        make_place(request(tmp_path, slices=slices))


def test_mistakes_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig) as raised:
        make_place(request(tmp_path, slice="v5e:3x3", storage=None, zone="here", max_tries=0))
    assert [one.key for one in raised.value.problems] == [
        "launch.zone", "launch.storage", "launch.slice", "launch.max_tries"
    ]  # fmt: skip
