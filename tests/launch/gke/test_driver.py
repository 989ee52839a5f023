"""Whole sweeps: the driver, the place, the real client, and a cluster with room for two."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from framework.launch.driver import Driver
from framework.launch.gke.kubernetes_cluster import KubernetesCluster
from framework.launch.gke.place import JobSets
from framework.launch.grid import Grid
from framework.launch.storage import open_storage
from framework.launch.table import Table
from tests.launch.fake_place import Watching, end_well, save
from tests.launch.gke.conftest import make, trial
from tests.launch.gke.fake_cluster import FakeCluster

SWEEP = "digits-a1b2c3"
# What happens to each trial, one thing after another, each time it is admitted.
FATES: dict[int, list[str]] = {
    0: ["done"],
    1: ["preempted", "done"],
    2: ["75", "75", "disrupted", "done"],
    3: ["mistake"],
    4: ["crash", "crash", "crash"],
    5: ["crash", "done"],
    6: ["deactivated", "done"],
    7: ["75 for nothing"] * 9,
}
QUOTA = 2


class Life:
    """Kueue with quota for two trials at once, and what happens to those that run."""

    def __init__(self, fake: FakeCluster, bucket: Path) -> None:
        self.fake, self.bucket = fake, bucket
        self.fates = {number: list(fates) for number, fates in FATES.items()}
        self.most = 0
        self.over = threading.Event()
        self.errors: list[BaseException] = []

    def go(self) -> None:
        """Until the test ends."""
        try:
            while not self.over.wait(0.02):
                with self.fake.changed:
                    self._moment()
        except BaseException as error:  # told by the test
            self.errors.append(error)
            raise

    def _moment(self) -> None:
        fake = self.fake
        under_way = [n for n, j in fake.jobsets.items() if not j["status"].get("terminalState")]
        admitted = [n for n in under_way if not fake.jobsets[n]["spec"]["suspend"]]
        self.most = max(self.most, len(admitted))
        for name in admitted:
            self._happens(name)
        active = [n for n in under_way if fake.workloads[n]["spec"]["active"]]
        waiting = [n for n in active if fake.jobsets.get(n, {}).get("spec", {}).get("suspend")]
        for name in waiting[: QUOTA - len(admitted)]:
            fake.admit(name)

    def _happens(self, name: str) -> None:
        number = int(name[-4:])
        run = self.bucket / SWEEP / "trials" / str(number)
        fate = self.fates[number].pop(0)
        if fate == "done":
            end_well(run, value=0.5 + number / 100)
            self.fake.finish(name)
        elif fate == "preempted":
            self.fake.preempt(name)
        elif fate == "deactivated":
            self.fake.deactivate(name)
        elif fate == "75":
            save(run, 100 * (10 - len(self.fates[number])))
            self.fake.fail(name, 75)
        elif fate == "75 for nothing":
            self.fake.fail(name, 75)
        elif fate == "disrupted":
            self.fake.fail(name, 143, disrupted=True)
        elif fate == "crash":
            self.fake.fail(name, 139, "Segmentation fault")
        else:
            self.fake.fail(name, 2, "  seed=-1: expected 0 or more")


@contextmanager
def living(fake: FakeCluster, bucket: Path) -> Iterator[Life]:
    """While inside, the cluster lives."""
    life = Life(fake, bucket)
    thread = threading.Thread(target=life.go)
    thread.start()
    try:
        yield life
    finally:
        life.over.set()
        thread.join()


def driver(
    folder: Path, cluster: KubernetesCluster, bucket: Path, asked: Callable[[], int] = lambda: 0
) -> Driver:
    """A new driver of the same sweep."""
    order = make(sweep=SWEEP, seen_at=str(bucket), max_tries=3, max_at_once=4, poll_seconds=0.1)
    place = JobSets(
        order,
        cluster,
        open_storage("launch.storage", order.options.address, SWEEP),
        lambda words: words,
    )
    table = Table(folder / "trials.jsonl")
    points = {number: {"seed": number} for number in FATES}
    grid = Grid(points, given=[row.number for row in table])
    return Driver(table, grid, place, lambda n, _: trial(n, folder), Watching(), 3, asked)


def check(folder: Path, fake: FakeCluster, killed: int = 0) -> None:
    table = Table(folder / "trials.jsonl")
    states = {row.number: row.state for row in table}
    assert states == {
        0: "done", 1: "done", 2: "done", 3: "failed", 4: "failed", 5: "done", 6: "done",
        7: "failed",
    }  # fmt: skip
    assert table[2].result == {"validation/accuracy": 0.52}
    assert table[0].device == "TPU v6e 4x4"
    assert table[3].message == "seed=-1: expected 0 or more (exit code 2)"
    assert "ReachedMaxRestarts: Segmentation fault" in table[4].message
    assert "in a row without a checkpoint after step 0" in table[7].message
    assert fake.created.count("digits-a1b2c3-t0006") >= 2  # deactivated, and asked for again
    # One that ends just when its driver is killed may be asked for again.
    assert 0 <= len(fake.created) - len(FATES) - 1 <= killed


def test_every_trial_comes_to_its_end(
    tmp_path: Path, fake: FakeCluster, cluster: KubernetesCluster
) -> None:
    folder, bucket = tmp_path / "sweep", tmp_path / "bucket"
    folder.mkdir()
    with living(fake, bucket) as life:
        driver(folder, cluster, bucket).run()
    assert not life.errors
    assert life.most <= QUOTA
    check(folder, fake)
    tries = {row.number: row.tries for row in Table(folder / "trials.jsonl")}
    assert tries == {**dict.fromkeys(FATES, 1), 6: 2}


class Killed(BaseException):
    """The driver's end, in the middle of whatever it does."""


@pytest.mark.parametrize("seed", range(5))
def test_drivers_that_are_killed_at_seeded_moments(
    tmp_path: Path, fake: FakeCluster, cluster: KubernetesCluster, seed: int
) -> None:
    """The next one finds what runs."""
    import random

    folder, bucket = tmp_path / "sweep", tmp_path / "bucket"
    folder.mkdir()
    moments = random.Random(seed)
    with living(fake, bucket) as life:
        for _ in range(4):
            left = moments.randint(3, 30)

            def asked() -> int:
                nonlocal left
                left -= 1
                if left < 0:
                    raise Killed
                return 0

            one = driver(folder, cluster, bucket, asked)
            try:
                one.run()
            except Killed:
                continue
        driver(folder, cluster, bucket).run()
    assert not life.errors
    check(folder, fake, killed=4)


def test_the_sweep_can_be_stopped_and_goes_on(
    tmp_path: Path, fake: FakeCluster, cluster: KubernetesCluster
) -> None:
    folder, bucket = tmp_path / "sweep", tmp_path / "bucket"
    folder.mkdir()
    calls = [0] * 5 + [1] * 1000
    driver(folder, cluster, bucket, lambda: calls.pop(0)).run()  # nothing is ever admitted
    rows = list(Table(folder / "trials.jsonl"))
    assert {row.state for row in rows} == {"waiting"}
    assert not fake.jobsets
    fake.created.clear()
    with living(fake, bucket):
        driver(folder, cluster, bucket).run()
    check(folder, fake)
    assert json.loads((folder / "trials/0/summary.json").read_text())["complete"]
