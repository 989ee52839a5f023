"""What gcloud is given, word by word."""

import shlex
from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.launch.slices import every_slice
from framework.launch.tpu_vm import commands
from framework.launch.tpu_vm.order import KINDS
from framework.launch.tpu_vm.rehearsal import Rehearsal
from framework.launch.trial import Trial
from tests.launch.tpu_vm.conftest import order_of

EVERYTHING = {
    "capacity": "spot", "network": "n", "subnetwork": "sub", "internal_ips": True,
    "service_account": "trainer@my-project.iam.gserviceaccount.com",
}  # fmt: skip


def test_one_slice() -> None:
    assert shlex.join(commands.create(order_of(**EVERYTHING), "s-t0007", "f.sh")) == (
        "gcloud compute tpus queued-resources create s-t0007 --project=my-project "
        "--zone=us-east5-b --node-id=s-t0007 --accelerator-type=v5litepod-16 "
        "--runtime-version=v2-alpha-tpuv5-lite --spot --network=n --subnetwork=sub "
        "--service-account=trainer@my-project.iam.gserviceaccount.com --internal-ips "
        "--scopes=https://www.googleapis.com/auth/cloud-platform --labels=sweep=s "
        "--metadata-from-file=startup-script=f.sh --async --quiet"
    )


def test_several_slices_are_one_request() -> None:
    words = commands.create(order_of("v5p:2x2x4", 3, capacity="reservation"), "s-t0007", "f.sh")
    assert {"--node-count=3", "--node-prefix=s-t0007", "--reserved"} < set(words)
    assert "--accelerator-type=v5p-32" in words  # 16 chips of two cores
    assert not any(word.startswith("--node-id") for word in words)


def test_the_log_of_several_slices_is_that_of_the_first() -> None:
    assert "s-t0007-0" in commands.log(order_of("v5p:2x2x4", 3), "s-t0007")


@pytest.mark.parametrize(
    ("slice", "type", "hosts"),
    [("v4:2x2x1", "v4-8", 1), ("v4:4x4x4", "v4-128", 16), ("v5e:1x1", "v5litepod-1", 1),
     ("v5e:2x4", "v5litepod-8", 1), ("v6e:16x16", "v6e-256", 64), ("v5p:2x2x2", "v5p-16", 2)],
)  # fmt: skip
def test_accelerator_types(slice: str, type: str, hosts: int) -> None:
    order = order_of(slice)
    assert (order.type, order.hosts) == (type, hosts)


def test_a_type_is_of_one_topology_only() -> None:
    types: dict[str, str] = {}
    for each in every_slice():
        if each.chip.name in KINDS:
            assert types.setdefault(order_of(each.name).type, each.name) == each.name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"slice": "7x:2x2x1"}, "hydra/launcher=gke"),
        ({"slice": "v5e:3x3"}, "launch.slice=v5e:3x3"),
        ({"slices": 0}, "launch.slices=0"),
        ({"project": None}, "project=null"),
        ({"zone": "us-east5"}, "zone=us-east5"),
        ({"storage": "bucket"}, "gs://BUCKET/FOLDER"),
        ({"install": ()}, "what pip installs"),
        ({"environment": {"a-b": "1"}}, "environment.a-b"),
    ],
)
def test_mistakes_are_lines(given: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidConfig, match=said):
        order_of(**given)  # type: ignore[arg-type]


def test_a_rehearsal_prints_every_command_and_runs_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # where there is no gcloud
    lines: list[str] = []
    place = Rehearsal(order_of(), lambda trial: (f"s-t{trial.number}", "f.sh"), lines.append)
    place.start([Trial(n, {}, (), tmp_path) for n in (0, 1)])
    assert [shlex.split(line)[4] for line in lines] == [
        "create", "create", "list", "delete", "delete",
    ]  # fmt: skip
    assert place.wait(0.0) == []
