"""`scripts/launch.py`: what trials do in one line each, and what to do about it."""

import json
from pathlib import Path
from typing import Any

import pytest

from framework.launch.gke import commands
from framework.launch.gke.cancelled import CANCELLED
from framework.launch.gke.kubernetes_cluster import KubernetesCluster
from framework.launch.gke.manifest import of_trial, of_worker
from framework.launch.gke.record import Record
from framework.launch.names import worker_identity
from framework.launch.sweep import Sweep, words
from framework.launch.table import Row, Table
from framework.launch.trial import Trial
from scripts.launch import main
from tests.launch.gke.conftest import IMAGE, trial
from tests.launch.gke.fake_cluster import FakeCluster
from tests.launch.gke.fake_server import FakeServer

NAME = "digits-a1b2c3"
LAUNCH = {"slice": "v6e:4x4", "slices": 1, "image": IMAGE, "queue": "tpus", "max_tries": 3,
          "storage": "gs://my-bucket"}  # fmt: skip


@pytest.fixture
def sweep(
    tmp_path: Path, fake: FakeCluster, cluster: KubernetesCluster, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Six trials: done, failed, preempted, without an image, deactivated, not submitted."""
    record = Record(NAME, {**LAUNCH, "seen_at": str(tmp_path / "bucket")})
    path = tmp_path / "sweep"
    path.mkdir()
    record.write(path)
    states: list[Any] = ["done", "failed", *["running"] * 3, "waiting"]
    Table(path / "trials.jsonl").put(
        *(Row(n, {"seed": n}, state, 1 if n < 5 else 0, message="exit code 1" * (n == 1))
          for n, state in enumerate(states))
    )  # fmt: skip
    for number in range(5):
        cluster.create(of_trial(record.order(), trial(number, path)))
        fake.admit(f"{NAME}-t{number:04d}")
    fake.finish(f"{NAME}-t0000")
    fake.preempt(f"{NAME}-t0002")
    waiting = {"reason": "ErrImagePull", "message": "manifest unknown"}
    fake.hinder(f"{NAME}-t0003", waiting=waiting)
    fake.deactivate(f"{NAME}-t0004")
    monkeypatch.setattr(commands, "connect", lambda namespace, context: cluster)
    return path


def said(capsys: pytest.CaptureFixture[str], *given: object, code: int = 0) -> list[str]:
    assert main([str(word) for word in given]) == code
    captured = capsys.readouterr()
    return (captured.err if code else captured.out).splitlines()


def test_one_line_a_trial(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "status", sweep)
    parts = [line.split(maxsplit=4) for line in lines]
    assert [(each[0], each[1]) for each in parts] == [
        ("0", "done"), ("1", "failed"), ("2", "preempted"), ("3", "starting"),
        ("4", "deactivated"), ("5", "absent"),
    ]  # fmt: skip
    assert parts[2][4].startswith("suspended by Kueue (Preempted): Preempted to accommodate")
    assert lines[3].endswith("3 of 4 hosts run: ErrImagePull: manifest unknown")
    assert "Kueue has deactivated it for good" in lines[4]
    assert len(said(capsys, "status", sweep, "2", "4")) == 2


def test_logs_are_of_the_host_that_failed_first(
    sweep: Path, fake: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.fail(f"{NAME}-t0003", 2)
    pod = fake._pods(f"{NAME}-t0003")[0]["metadata"]["name"]
    fake.logs[pod] = "one line\nanother line\n"
    assert said(capsys, "logs", sweep, 3) == [f"{pod}:", "one line", "another line"]
    (line,) = said(capsys, "logs", sweep, 2)
    assert line.startswith("no pods: suspended by Kueue")


def test_trials_are_cancelled(
    sweep: Path, fake: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "cancel", sweep, 0, 2) == [
        "trial 0: done, nothing to cancel", "trial 2: cancelled; its pods save and end",
    ]  # fmt: skip
    assert (sweep / "trials/2" / CANCELLED).exists()
    assert len(said(capsys, "cancel", sweep)) == 2
    assert sorted(fake.jobsets) == [f"{NAME}-t0000", f"{NAME}-t0001"]


def test_what_was_cancelled_can_be_taken_back(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "cancel", sweep, 2)
    (line,) = said(capsys, "status", sweep, 2)
    assert line.split(maxsplit=4)[1] == "leaving"
    assert line.endswith("cancelled; a driver writes it to the table")
    assert said(capsys, "retry", sweep, 2) == ["trial 2: cancelled no more"]
    assert not (sweep / "trials/2" / CANCELLED).exists()


def test_a_trial_of_a_worker_is_asked_to_end_and_its_worker_is_found(
    sweep: Path, tmp_path: Path, fake: FakeCluster, cluster: KubernetesCluster,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    record = Record(NAME, {**LAUNCH, "seen_at": str(tmp_path / "bucket"), "workers": 2})
    record.write(sweep)
    fake.delete(f"{NAME}-t0002")
    fake.delete(f"{NAME}-t0003")
    worker = f"{NAME}-{worker_identity(1).suffix}"
    cluster.create(of_worker(record.order(), 1))
    fake.admit(worker)
    bucket = tmp_path / "bucket" / NAME
    claimed = bucket / worker_identity(1).folder / "claimed.json"
    claimed.parent.mkdir(parents=True)
    claimed.write_text(json.dumps({"trial": "trials/2", "token": "one", "words": []}))
    pod = fake._pods(worker)[0]["metadata"]["name"]
    fake.logs[pod] = "step 10\n"
    assert said(capsys, "logs", sweep, 2) == [f"{pod}:", "step 10"]
    assert said(capsys, "logs", sweep, 3) == ["no worker has trial 3 now"]
    assert said(capsys, "cancel", sweep, 2, 3) == [
        "trial 2: cancelled; it saves and ends after its next evaluation, and its worker goes on "
        "with others",
        "trial 3: cancelled; no worker has it",
    ]
    asked = bucket / "trials/2/stop_request.json"
    assert json.loads(asked.read_text())["reason"] == "cancelled"
    assert worker in fake.jobsets
    assert said(capsys, "cancel", sweep, 2) == ["trial 2: leaving, nothing to cancel"]
    assert said(capsys, "retry", sweep, 2) == ["trial 2: cancelled no more"]
    assert not asked.exists()


def test_trials_are_tried_again(
    sweep: Path, fake: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said(capsys, "retry", sweep) == [
        "trial 4: Kueue considers it again", "trial 1: waits for the next start of the sweep",
    ]  # fmt: skip
    assert fake.workloads[f"{NAME}-t0004"]["spec"]["active"] is True
    assert f"{NAME}-t0001" not in fake.jobsets
    assert Table(sweep / "trials.jsonl")[1].state == "waiting"
    assert said(capsys, "retry", sweep, 2) == ["trial 2: preempted, nothing to try again"]


def test_the_table_is_the_drivers_while_it_is_at_work(
    sweep: Path, fake: FakeCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with Sweep(sweep).held():
        lines = said(capsys, "retry", sweep, 1, code=2)
    assert "expected a sweep that no other driver holds" in lines[-1]
    assert Table(sweep / "trials.jsonl")[1].state == "failed"
    assert f"{NAME}-t0001" in fake.jobsets


def test_a_run_directory_is_fetched_with_its_checkpoints(
    sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "bucket" / NAME / "trials/0"
    for name in ("summary.json", "checkpoints/100/manifest.json", "checkpoints/100/state/data"):
        (there / name).parent.mkdir(parents=True, exist_ok=True)
        (there / name).write_text(json.dumps(name))
    assert said(capsys, "fetch", sweep, 0) == [str(sweep / "trials/0")]
    assert (sweep / "trials/0/checkpoints/100/state/data").exists()


@pytest.fixture
def confirmed(sweep: Path, fake: FakeCluster, cluster: KubernetesCluster) -> dict[int, str]:
    """Three confirmations of trial 0 as a driver makes them: done, running, failed. Their JobSets
    by their seeds."""
    fixed, values = ["experiment=digits", "optimizer=sgd"], {"optimizer.learning_rate": 0.01}
    Sweep(sweep).begin({"fixed": fixed, "space": {}, "sweeper": {"name": "grid"}, "sweep": {}})
    order, names, folder = Record(NAME, LAUNCH).order(), {}, sweep / "confirm"
    folder.mkdir()
    states: list[Any] = ["done", "running", "failed"]
    for number, state in enumerate(states):
        seed = 1000 + number
        row = Row(number, {**values, "seed": seed}, state, 1)
        run = folder / str(seed)
        given = words(fixed, row.values, run, ["validation", "test"])
        manifest = of_trial(order, Trial(number, row.values, given, run))
        names[seed] = manifest["metadata"]["name"]
        cluster.create(manifest)
        fake.admit(names[seed])
        Table(folder / "trials.jsonl").put(row)
    return names


def test_confirmations_are_trials_too(
    sweep: Path, tmp_path: Path, fake: FakeCluster, confirmed: dict[int, str],
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(sweep)  # by another path than the driver's, which the words hold
    lines = [line.split() for line in said(capsys, "status", ".")[6:]]
    assert [each[:2] for each in lines] == [
        ["confirm/1000", "done"], ["confirm/1001", "running"], ["confirm/1002", "failed"],
    ]  # fmt: skip
    pod = fake._pods(confirmed[1001])[0]["metadata"]["name"]
    fake.logs[pod] = "step 10\n"
    assert said(capsys, "logs", ".", "confirm/1001") == [f"{pod}:", "step 10"]
    assert said(capsys, "retry", ".", "confirm/1002") == [
        "trial confirm/1002: waits for the next start of the sweep"
    ]
    assert Table(sweep / "confirm/trials.jsonl")[2].state == "waiting"
    assert Table(sweep / "trials.jsonl")[2].state == "running"
    assert said(capsys, "cancel", ".", "confirm/1001") == [
        "trial confirm/1001: cancelled; its pods save and end"
    ]
    assert (sweep / "confirm/1001" / CANCELLED).exists()
    assert fake.jobsets.keys() & set(confirmed.values()) == {confirmed[1000]}
    file = tmp_path / "bucket" / NAME / "confirm" / confirmed[1000].split("-c")[1] / "metrics.jsonl"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    assert said(capsys, "fetch", ".", "confirm/1000") == [str(sweep / "confirm/1000")]
    assert (sweep / "confirm/1000/metrics.jsonl").exists()


def test_mistakes_and_faults(
    sweep: Path, tmp_path: Path, server: FakeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    (_, line) = said(capsys, "status", tmp_path, code=2)
    assert "expected the directory of a sweep on GKE; it has no gke.json" in line
    (_, line) = said(capsys, "logs", sweep, 17, code=2)
    assert "TRIAL=17: expected one of the 6 trials of" in line
    server.broken = 500
    assert said(capsys, "status", sweep, code=1) == [
        "the cluster answers 500: the server is in trouble"
    ]
