"""Slices that are held for one trial after another: the place, and the worker on the slice."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from framework.launch.gke.cancelled import cancel
from framework.launch.gke.kubernetes_cluster import KubernetesCluster
from framework.launch.gke.manifest import of_worker
from framework.launch.gke.workers import Workers
from framework.launch.names import worker_identity
from framework.launch.place import Ended
from framework.launch.storage import StorageError, open_storage
from tests.launch.gke.conftest import make, trial
from tests.launch.gke.fake_cluster import FakeCluster
from tests.launch.gke.fake_server import FakeServer

SWEEP = "digits-a1b2c3"
ROOT = Path(__file__).resolve().parents[3]
# In place of a training: says what it was given, and does what `do=` tells it.
TRAINS = """
import os, signal, sys, time
words = dict(word.split("=", 1) for word in sys.argv[1:])
with open(os.path.join(os.environ["LOG"], words["seed"]), "a") as file:
    file.write(os.environ["SLICE_INDEX"] + os.environ["JOB_COMPLETION_INDEX"] + " ")
if words.get("do") == "wait":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    open(os.path.join(os.environ["LOG"], "waits"), "w").close()
    time.sleep(60)
if words.get("do") == "fail":
    print("seed=7: expected another", file=sys.stderr)
    sys.exit(2)
"""


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    return tmp_path / "bucket"


@pytest.fixture
def place(cluster: KubernetesCluster, bucket: Path) -> Workers:
    order = make("v6e:2x2", sweep=SWEEP, workers=2, seen_at=str(bucket), poll_seconds=0.1)
    return Workers(
        order,
        cluster,
        open_storage("launch.storage", order.options.address, SWEEP),
        lambda words: words,
    )


class Hosts:
    """The processes of one worker's hosts, as its JobSet's pods start them."""

    def __init__(self, folder: Path, tmp_path: Path) -> None:
        self.folder, self.tmp_path, self.attempt = folder, tmp_path, 0
        (tmp_path / "experiments").mkdir()
        (tmp_path / "experiments/__init__.py").touch()
        (tmp_path / "experiments/run.py").write_text(TRAINS)
        (tmp_path / "log").mkdir()
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, idle: float = 30.0) -> None:
        """Two slices of two hosts."""
        module = "framework.launch.slice_worker"
        self.processes = [
            subprocess.Popen(
                [sys.executable, "-m", module, str(self.folder), str(idle)],
                cwd=self.tmp_path,
                env={**os.environ, "PYTHONPATH": str(ROOT), "LOG": str(self.tmp_path / "log"),
                     "SLICE_INDEX": slice, "JOB_COMPLETION_INDEX": host,
                     "JOBSET_RESTART_ATTEMPT": str(self.attempt)},
            )
            for slice in "01" for host in "01"
        ]  # fmt: skip
        self.attempt += 1

    def end(self, number: int = signal.SIGTERM) -> list[int]:
        """All of them; gives their exit codes."""
        for process in self.processes:
            process.send_signal(number)
        return [process.wait(20) for process in self.processes]

    def trained(self, seed: int) -> list[str]:
        """Hosts that trained the trial with this seed."""
        file = self.tmp_path / "log" / str(seed)
        return sorted(file.read_text().split()) if file.exists() else []


@pytest.fixture
def hosts(bucket: Path, tmp_path: Path) -> Iterator[Hosts]:
    hosts = Hosts(bucket / SWEEP / worker_identity(0).folder, tmp_path)
    yield hosts
    for process in hosts.processes:
        process.kill()
        process.wait()


def name(worker: int) -> str:
    return worker_identity(worker).name(SWEEP)


def until(place: Workers, holds: Callable[[], object], seconds: float = 20.0) -> list[Ended]:
    ended: list[Ended] = []
    deadline = time.monotonic() + seconds
    while not holds():
        ended += place.wait(0.05)
        assert time.monotonic() < deadline
    return ended


def the_end(place: Workers) -> Ended:
    found: list[Ended] = []
    deadline = time.monotonic() + 20
    while not found and time.monotonic() < deadline:
        found = place.wait(0.1)
    (one,) = found
    return one


ALL = ["00", "01", "10", "11"]


def test_one_trial_after_another_on_the_same_slice(
    place: Workers, fake: FakeCluster, hosts: Hosts, tmp_path: Path
) -> None:
    here = tmp_path / "sweep"
    assert place.free() == 2
    place.start([trial(0, here, "seed=0")])
    until(place, lambda: name(0) in fake.jobsets)
    assert place.free() == 1
    fake.admit(name(0))
    hosts.start()
    ended = the_end(place)
    assert (ended.number, ended.code, ended.device) == (0, 0, "TPU v6e 2x2")
    until(place, lambda: hosts.trained(0) == ALL)
    place.start([trial(1, here, "seed=1", "do=fail")])
    ended = the_end(place)
    assert (ended.number, ended.code, ended.message) == (1, 2, "seed=7: expected another")
    until(place, lambda: hosts.trained(1) == ALL)  # on every host, once
    assert hosts.trained(0) == ALL
    assert fake.created == [name(0)]


def test_the_first_process_alone_claims_and_goes_on_after_a_preemption(
    place: Workers, fake: FakeCluster, hosts: Hosts, tmp_path: Path
) -> None:
    place.start([trial(0, tmp_path / "sweep", "seed=0", "do=wait")])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    hosts.start()
    until(place, lambda: len(hosts.trained(0)) == 4 and (tmp_path / "log/waits").exists())
    time.sleep(0.3)
    assert hosts.end() == [75, 75, 75, 75]
    claimed = json.loads((hosts.folder / "claimed.json").read_text())
    assert claimed["trial"] == "trials/0"
    claimed["words"] = ["seed=0"]  # this time it does not wait
    (hosts.folder / "claimed.json").write_text(json.dumps(claimed))
    hosts.start()
    assert the_end(place).code == 0
    until(place, lambda: hosts.trained(0) == sorted(ALL * 2))


def test_a_worker_without_work_gives_its_slice_back_and_is_asked_for_again(
    place: Workers, fake: FakeCluster, hosts: Hosts, tmp_path: Path
) -> None:
    place.start([trial(0, tmp_path / "sweep", "seed=0")])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    hosts.start(idle=0.5)
    assert the_end(place).code == 0
    assert [process.wait(20) for process in hosts.processes] == [0, 0, 0, 0]
    fake.finish(name(0))
    place.start([trial(1, tmp_path / "sweep", "seed=1")])
    until(place, lambda: fake.created.count(name(0)) == 2)


def test_a_worker_that_dies_takes_one_try_with_it(
    place: Workers, fake: FakeCluster, bucket: Path, tmp_path: Path
) -> None:
    place.start([trial(0, tmp_path / "sweep", "seed=0"), trial(1, tmp_path / "sweep", "seed=1")])
    until(place, lambda: {name(0), name(1)} <= set(fake.jobsets))
    assert place.free() == 0
    manifest = bucket / SWEEP / "trials/0/checkpoints/300/manifest.json"
    manifest.parent.mkdir(parents=True)
    manifest.touch()
    fake.deactivate(name(0))
    ended = the_end(place)
    assert (ended.number, ended.code, ended.step) == (0, None, 300)
    assert ended.seconds == 0  # it never had its slices
    assert "Kueue has deactivated it for good" in ended.message
    assert not (bucket / SWEEP / worker_identity(0).folder / "next.json").exists()
    assert place.free() == 1


def test_a_complete_run_is_not_given_out(
    place: Workers, fake: FakeCluster, bucket: Path, tmp_path: Path
) -> None:
    run = bucket / SWEEP / "trials/0"
    run.mkdir(parents=True)
    (run / "summary.json").write_text('{"complete": true}')
    place.start([trial(0, tmp_path / "sweep")])
    assert the_end(place).code == 0
    assert (tmp_path / "sweep/trials/0/summary.json").exists()
    assert fake.created == []
    assert place.free() == 2


def test_the_next_driver_takes_over_what_workers_have(
    place: Workers, cluster: KubernetesCluster, fake: FakeCluster, bucket: Path, tmp_path: Path
) -> None:
    trials = [trial(number, tmp_path / "sweep", f"seed={number}") for number in range(2)]
    place.start(trials)
    until(place, lambda: {name(0), name(1)} <= set(fake.jobsets))
    next_place = Workers(place.order, cluster, place.storage, lambda words: words)
    next_place.start(trials[::-1])
    assert until(next_place, lambda: len(next_place._given) == 2) == []
    given = {worker: each.trial.number for worker, each in next_place._given.items()}
    assert given == {0: 0, 1: 1}
    assert sorted(fake.created) == [name(0), name(1)]


def claims(bucket: Path, worker: int, number: int) -> Path:
    """As a worker does, of an earlier driver's time."""
    file = bucket / SWEEP / worker_identity(worker).folder / "claimed.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"trial": f"trials/{number}", "token": "old", "words": []}))
    return file


def test_trials_stay_with_the_workers_that_train_them_whatever_their_order(
    place: Workers, bucket: Path, tmp_path: Path
) -> None:
    claims(bucket, 0, 4)
    claims(bucket, 1, 7)  # gone with its worker
    place.start([trial(0, tmp_path / "sweep"), trial(4, tmp_path / "sweep")])
    until(place, lambda: len(place._given) == 2)
    assert {w: (g.trial.number, g.token == "old") for w, g in place._given.items()} == {
        0: (4, True), 1: (0, False),
    }  # fmt: skip


def test_a_worker_that_trains_another_trial_is_passed_over_until_that_has_ended(
    place: Workers, cluster: KubernetesCluster, fake: FakeCluster, bucket: Path, tmp_path: Path
) -> None:
    files = [claims(bucket, worker, 7 + worker) for worker in range(2)]
    for worker in range(2):
        cluster.create(of_worker(place.order, worker))
        fake.admit(name(worker))
    place.start([trial(0, tmp_path / "sweep")])
    assert place.wait(0.5) == []
    assert [json.loads(file.read_text())["token"] for file in files] == ["old", "old"]
    assert not place._given
    files[1].rename(files[1].with_name("ended.json"))
    until(place, lambda: list(place._given) == [1])
    assert files[0].exists()


def test_what_a_worker_had_that_is_gone_keeps_nobody_waiting(
    place: Workers, bucket: Path, tmp_path: Path
) -> None:
    files = [claims(bucket, worker, 7 + worker) for worker in range(2)]
    place.start([trial(0, tmp_path / "sweep")])
    until(place, lambda: list(place._given) == [0])
    assert not files[0].exists()


def test_stopping_takes_the_workers_away(place: Workers, fake: FakeCluster, tmp_path: Path) -> None:
    place.start([trial(0, tmp_path / "sweep")])
    until(place, lambda: name(0) in fake.jobsets)
    place.stop(at_once=False)
    assert the_end(place).code == 75
    assert not fake.jobsets


def test_a_worker_that_is_refused_ends_the_try_that_it_was_given(
    place: Workers, fake: FakeCluster, server: FakeServer, bucket: Path, tmp_path: Path
) -> None:
    server.forbidden = True
    place.start([trial(0, tmp_path / "sweep"), trial(1, tmp_path / "sweep")])
    ended: list[Ended] = []
    until(place, lambda: ended.extend(place.wait(0.05)) or len(ended) == 2)
    assert [(one.number, one.code) for one in ended] == [(0, 2), (1, 2)]
    assert "the cluster answers 403: jobsets.jobset.x-k8s.io is forbidden" in ended[0].message
    assert not list((bucket / SWEEP).glob("workers/*/*.json"))
    assert place.free() == 2


def test_the_end_of_a_run_is_kept_until_the_storage_says_how_far_it_came(
    place: Workers, fake: FakeCluster, bucket: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    place.start([trial(0, tmp_path / "sweep")])
    until(place, lambda: name(0) in fake.jobsets)
    said = {"token": place._given[0].token, "code": 75, "seconds": 1.0, "said": ""}
    (bucket / SWEEP / worker_identity(0).folder / "ended.json").write_text(json.dumps(said))
    with monkeypatch.context() as broken:
        broken.setattr(place.storage, "step", out_of_reach)
        assert place.wait(0.5) == []
    ended = the_end(place)
    assert (ended.code, ended.step) == (75, 0)


def out_of_reach(trial: str) -> int:
    raise StorageError("no answer")


def test_what_was_cancelled_is_not_given_out(
    place: Workers, fake: FakeCluster, bucket: Path, tmp_path: Path
) -> None:
    claimed = claims(bucket, 1, 1)  # as of a worker that was taken away with it
    for number in range(2):
        cancel(tmp_path / "sweep/trials" / str(number))
    place.start([trial(number, tmp_path / "sweep") for number in range(2)])
    ended: list[Ended] = []
    until(place, lambda: ended.extend(place.wait(0.05)) or len(ended) == 2)
    assert sorted((one.number, one.code, one.message) for one in ended) == [
        (0, 1, "cancelled"), (1, 1, "cancelled"),
    ]  # fmt: skip
    assert fake.created == []
    assert not claimed.exists()


@pytest.mark.parametrize("gone", [False, True])
def test_a_trial_that_was_cancelled_while_a_worker_trained_it(
    place: Workers, fake: FakeCluster, bucket: Path, tmp_path: Path, gone: bool
) -> None:
    place.start([trial(0, tmp_path / "sweep")])
    until(place, lambda: name(0) in fake.jobsets)
    cancel(tmp_path / "sweep/trials/0")
    if gone:
        fake.delete(name(0))
    else:
        said = {"token": place._given[0].token, "code": 0, "seconds": 1.0, "said": ""}
        (bucket / SWEEP / worker_identity(0).folder / "ended.json").write_text(json.dumps(said))
    ended = the_end(place)
    assert (ended.code, ended.message) == (1, "cancelled")


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_worker_is_asked_no_more_what_was_taken_back(
    place: Workers, cluster: KubernetesCluster, bucket: Path, tmp_path: Path, cancelled: bool
) -> None:
    claims(bucket, 0, 0)
    cluster.create(of_worker(place.order, 0))
    place.storage.write("trials/0/stop_request.json", "{}")
    if cancelled:
        cancel(tmp_path / "sweep/trials/0")
    place.start([trial(0, tmp_path / "sweep")])
    until(place, lambda: list(place._given) == [0])
    assert (bucket / SWEEP / "trials/0/stop_request.json").exists() is cancelled


def test_the_time_of_a_trial_whose_worker_is_gone_is_that_on_its_slices(
    place: Workers, fake: FakeCluster, tmp_path: Path
) -> None:
    place.start([trial(0, tmp_path / "sweep")])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    place.wait(0.5)
    fake.delete(name(0))
    ended = the_end(place)
    assert ended.code is None
    assert ended.seconds > 0.1


def test_a_run_that_was_complete_before_it_was_cancelled_is_done(
    place: Workers, fake: FakeCluster, bucket: Path, tmp_path: Path
) -> None:
    claims(bucket, 0, 0)  # with a worker that is gone
    place.storage.write("trials/0/summary.json", json.dumps({"complete": True}))
    cancel(tmp_path / "sweep/trials/0")
    place.start([trial(0, tmp_path / "sweep")])
    assert the_end(place).code == 0
    assert (tmp_path / "sweep/trials/0/summary.json").exists()
    assert fake.created == []
