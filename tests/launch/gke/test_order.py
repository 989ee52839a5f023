"""What is wrong with an order is told in lines that name the key, all of them together."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from framework.config import InvalidConfig
from framework.launch.gke.kubernetes_cluster import connect
from framework.launch.gke.order import make_order
from framework.launch.gke.record import Record, new_record, options_of, read_record
from tests.launch.gke.conftest import IMAGE, make

GOOD = {
    "slice": "v5e:4x4", "slices": 1, "image": IMAGE, "queue": "tpus", "max_tries": 3,
    "storage": "gs://my-bucket/sweeps", "dry_run": False, "max_cost": None,
}  # fmt: skip


def refused(**changes: Any) -> str:
    with pytest.raises(InvalidConfig) as caught:
        Record("digits-a1b2c3", {**GOOD, **changes}).order()
    return str(caught.value)


def test_an_order() -> None:
    order = Record("digits-a1b2c3", GOOD).order()
    assert (order.chips, order.slice.hosts) == (16, 4)
    assert order.folder == "/runs/digits-a1b2c3"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"slice": "v5e:4x5"}, "launch.slice=v5e:4x5: expected a topology of v5e"),
        ({"slice": None}, "launch.slice=null: expected a TPU slice, such as v5e:16x16"),
        ({"machine": "ct5lp-hightpu-8t"}, "launch.machine=ct5lp-hightpu-8t: expected a machine"),
        ({"machine": 5}, "launch.machine=5: expected"),
        ({"slices": "two"}, "launch.slices=two: expected a number from 1 on"),
        ({"max_tries": 0}, "launch.max_tries=0: expected a number from 1 on"),
        ({"slices": 0}, "launch.slices=0: expected a number from 1 on"),
        ({"image": "registry/trainer:latest"},
         "launch.image=registry/trainer:latest: expected an image by its digest, NAME@sha256:…"),
        ({"image": None}, "launch.image=null: expected an image by its digest"),
        ({"queue": None}, "launch.queue=null: expected a LocalQueue of Kueue's in the namespace "
                          "default; kubectl get localqueues -n default lists them"),
        ({"capacity": "spots"}, "launch.capacity=spots: expected"),
        ({"capacity": "reservation"}, "launch.reservation=null: expected the reservation's name"),
        ({"reservation": "mine"}, "launch.reservation=mine: expected null, or capacity=reserv"),
        ({"storage": None}, "launch.storage=null: expected gs://BUCKET/FOLDER, or claim:NAME"),
        ({"storage": "s3://my-bucket/x"}, "launch.storage=s3://my-bucket/x: expected gs://"),
        ({"storage": "claim:runs"}, "launch.seen_at=null: expected where this machine sees"),
        ({"namespace": "My Team"}, "launch.namespace=My Team: expected a name as Kubernetes"),
        ({"mount": "runs"}, "launch.mount=runs: expected an absolute path, as /runs"),
        ({"environment": {"A-B": "1"}}, "launch.environment.A-B=1: expected a variable's name"),
        ({"max_at_once": 0}, "launch.max_at_once=0: expected"),
        ({"price": -1}, "launch.price=-1: expected"),
        ({"workers": 9}, "launch.workers=9: expected at most launch.max_at_once=8"),
        ({"quue": "tpus"}, "launch.quue=tpus: expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(changes: dict[str, Any], said: str) -> None:
    assert said in refused(**changes)


def test_mistakes_are_told_together() -> None:
    lines = refused(slice="v5e:4x5", image=None, queue=None, storage=None, mount="runs")
    assert [line.partition("=")[0] for line in lines.splitlines()] == [
        "launch.slice", "launch.image", "launch.queue", "launch.storage", "launch.mount"
    ]  # fmt: skip


def test_a_name_that_is_too_long() -> None:
    with pytest.raises(InvalidConfig) as caught:
        make(sweep="d" * 36)
    said = "launch.name=" + "d" * 36 + ": expected at most 35 characters of a-z, 0-9 and -"
    assert said in str(caught.value)
    assert "it has 36; pods' names are made of it and may have 63" in str(caught.value)
    make(sweep="d" * 35)
    with pytest.raises(InvalidConfig, match="at most 32 characters"):  # hosts have four digits
        make_order("d" * 33, "v5p:16x16x24", 100, IMAGE, "q", 3, options_of(
            {"storage": "gs://my-bucket"}))  # fmt: skip


def test_a_sweep_keeps_its_name(tmp_path: Path) -> None:
    first = new_record(tmp_path, "Handwritten digits!", GOOD)
    assert first.name.startswith("handwritten-digits-")
    first.write(tmp_path)
    again = new_record(tmp_path, "another", {**GOOD, "queue": "slow"})
    assert again.name == first.name
    assert again.order().queue == "slow"
    assert read_record(tmp_path) == first
    with pytest.raises(InvalidConfig, match=f"launch.name=mine: expected {first.name}"):
        new_record(tmp_path, "another", {**GOOD, "name": "mine"})
    assert new_record(tmp_path / "new", "digits", {**GOOD, "name": "mine"}).name == "mine"
    assert new_record(tmp_path / "new", "digits", GOOD).name != first.name


def test_without_the_extra_a_command_installs_it() -> None:
    program = (
        "import importlib.util as u, json\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda n: None if n.startswith('kubernetes') else find(n)\n"
        "from framework.launch.gke.kubernetes_cluster import connect\n"
        "from framework.config import InvalidConfig\n"
        "try: connect('default', None)\n"
        "except InvalidConfig as error: print(json.dumps(str(error)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    said = 'hydra/launcher=gke: expected the extra gke to be installed; pip install -e ".[gke]"'
    assert json.loads(done.stdout) == said


def test_a_context_that_there_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kubernetes", reason="the extra gke is not installed")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(InvalidConfig, match=r"launch\.context=other: expected a context"):
        connect("default", "other")
