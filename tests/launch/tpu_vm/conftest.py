"""A fake gcloud on PATH, and an order of small machines."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from framework.launch.tpu_vm.options import TpuVmOptions
from framework.launch.tpu_vm.order import Order, make_order


@dataclass(frozen=True)
class Gcloud:
    """What the fake keeps."""

    folder: Path

    def calls(self, verb: str) -> list[list[str]]:
        file = self.folder / "calls.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [words for words in map(json.loads, lines) if words[3] == verb]

    def requests(self) -> dict[str, str]:
        """Name to state."""
        found = (json.loads(file.read_text()) for file in self.folder.glob("*.request"))
        return {each["name"]: each["state"]["state"] for each in found}

    def move(self, name: str, state: str, **more: object) -> None:
        """A request's next state."""
        file = self.folder / f"{name}.request"
        assert file.exists(), self.requests()
        file.write_text(json.dumps({"name": name, "state": {"state": state, **more}}))

    def refuse(self, said: str) -> None:
        """What the next `create` says."""
        (self.folder / "refuse").write_text(said)


@pytest.fixture
def gcloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gcloud:
    programs, folder = tmp_path / "programs", tmp_path / "google"
    programs.mkdir()
    folder.mkdir()
    (programs / "gcloud").symlink_to(Path(__file__).with_name("fake_gcloud.py"))
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_GCLOUD", str(folder))
    return Gcloud(folder)


def order_of(slice: str = "v5e:4x4", slices: int = 1, **options: object) -> Order:
    """A sweep called s."""
    given = {"project": "my-project", "zone": "us-east5-b", "storage": "gs://bucket/runs",
             "install": ("framework[tpu]",), "poll_seconds": 0.01, **options}  # fmt: skip
    return make_order("s", slice, slices, TpuVmOptions(**given))  # type: ignore[arg-type]
