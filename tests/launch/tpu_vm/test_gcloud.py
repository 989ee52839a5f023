"""The real gcloud, where it is installed, against a small fake of Google's REST verbs.

It has an account of its own making, which only that fake accepts, and looks for no other.
"""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from framework.launch.storage import Storage
from framework.launch.tpu_vm import QueuedMachines, cloud, commands
from tests.launch.tpu_vm.conftest import order_of
from tests.launch.tpu_vm.rest import Requests, serve
from tests.launch.tpu_vm.test_place import leave, look, trial

pytestmark = pytest.mark.long


@pytest.fixture
def google(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Requests]:
    if shutil.which("gcloud") is None:
        pytest.skip("gcloud is not installed here: https://cloud.google.com/sdk/docs/install")
    (tmp_path / "token").write_text("of nobody")
    with serve() as requests:
        monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
        for name, value in {
            "CONFIG": tmp_path / "config",
            "AUTH_ACCESS_TOKEN_FILE": tmp_path / "token",
            "CORE_CHECK_GCE_METADATA": "0",
            "API_ENDPOINT_OVERRIDES_TPU": requests.address,
        }.items():
            monkeypatch.setenv(f"CLOUDSDK_{name}", str(value))
        yield requests


def test_a_trial_from_its_request_over_a_preemption_to_its_end(
    google: Requests, tmp_path: Path
) -> None:
    bucket = tmp_path / "bucket" / "s"
    bucket.mkdir(parents=True)
    order = order_of(capacity="spot", network="n", service_account="t@x.iam.gserviceaccount.com")
    storage = Storage(fsspec.filesystem("file"), str(bucket))
    there = QueuedMachines(order, storage, tmp_path / "startup", say=lambda line: None)
    there.start([trial(tmp_path)])
    assert look(there) == []
    asked = google.bodies["s-t0000"]
    assert asked["spot"] == {}
    (specification,) = asked["tpu"]["nodeSpec"]
    assert specification["nodeId"] == "s-t0000"
    node = specification["node"]
    assert node["acceleratorType"] == "v5litepod-16"
    assert node["runtimeVersion"] == "v2-alpha-tpuv5-lite"
    assert node["metadata"]["startup-script"] == (tmp_path / "startup" / "s-t0000.sh").read_text()
    assert node["serviceAccount"]["email"] == "t@x.iam.gserviceaccount.com"
    google.states["s-t0000"] = {"state": "SUSPENDED"}
    assert look(there) == []
    assert google.states == {}
    assert look(there) == []
    assert google.states == {"s-t0000": {"state": "WAITING_FOR_RESOURCES"}}
    leave(bucket, 0)
    assert [each.code for each in look(there)] == [0]
    assert google.states == {}


def test_several_slices_are_one_multislice_on_the_reservation(
    google: Requests, tmp_path: Path
) -> None:
    script = tmp_path / "f.sh"
    script.write_text("#!/bin/bash\n")
    order = order_of("v5p:2x2x4", 2, capacity="reservation")
    cloud.run(commands.create(order, "s-t0001", str(script)))
    asked = google.bodies["s-t0001"]
    (specification,) = asked["tpu"]["nodeSpec"]
    assert specification["multisliceParams"] == {"nodeCount": 2, "nodeIdPrefix": "s-t0001"}
    assert asked["reservationName"].startswith("projects/my-project/")
    cloud.run(commands.create(order, "s-t0001", str(script)))  # there already: no fault
    google.states["s-t0001"] = {
        "state": "FAILED", "failedData": {"error": {"message": "none left"}},
    }  # fmt: skip
    there = cloud.read(cloud.run(commands.list_all(order)))
    assert there == {"s-t0001": cloud.Queued("s-t0001", cloud.FAILED, "none left")}
    cloud.run(commands.delete(order, "s-t0001"))
    cloud.run(commands.delete(order, "s-t0001"))  # gone already: no fault
    assert google.states == {}


def test_what_gcloud_does_not_know_is_refused_in_a_line(google: Requests) -> None:
    with pytest.raises(cloud.Refused, match="unrecognized arguments"):
        cloud.run((*commands.list_all(order_of()), "--nodes=2"))
    version = subprocess.run(["gcloud", "--version"], text=True, capture_output=True, check=True)
    assert "Google Cloud SDK" in version.stdout
