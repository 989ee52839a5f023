"""Trials against a cluster that answers as JobSet and Kueue do, through the real client."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from framework.config import InvalidConfig, Problem
from framework.launch.evidence import STOP_REQUEST
from framework.launch.gke.cancelled import cancel
from framework.launch.gke.kubernetes_cluster import KubernetesCluster
from framework.launch.gke.place import JobSets
from framework.launch.gke.situation import situation
from framework.launch.names import trial_identity
from framework.launch.place import Ended
from framework.launch.storage import StorageError, open_storage
from tests.launch.gke.conftest import make, trial
from tests.launch.gke.fake_cluster import FakeCluster
from tests.launch.gke.fake_server import FakeServer

SWEEP = "digits-a1b2c3"


@pytest.fixture
def bucket(tmp_path: Path) -> Path:
    """The storage, as this machine sees it."""
    return tmp_path / "bucket"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The sweep's directory."""
    return tmp_path / "sweep"


@pytest.fixture
def new_place(cluster: KubernetesCluster, bucket: Path) -> Callable[..., JobSets]:
    """Makes the place of one driver after another."""

    def make_place(fits: Callable[[Any], object] = lambda words: words, **options: Any) -> JobSets:
        order = make(seen_at=str(bucket), sweep=SWEEP, **options)
        said: list[str] = []
        place = JobSets(
            order,
            cluster,
            open_storage("launch.storage", order.options.address, SWEEP),
            fits,
            say=said.append,
        )
        place.said = said  # type: ignore[attr-defined]
        return place

    return make_place


def name(number: int) -> str:
    return trial_identity(number).name(SWEEP)


def write(bucket: Path, number: int, file: str, value: object) -> None:
    path = bucket / SWEEP / "trials" / str(number) / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def until(place: JobSets, holds: Callable[[], object], seconds: float = 10.0) -> list[Ended]:
    """Waits, as a driver does, until something holds; gives what has ended."""
    ended: list[Ended] = []
    deadline = time.monotonic() + seconds
    while not holds():
        ended += place.wait(0.05)
        assert time.monotonic() < deadline
    return ended


def the_end(place: JobSets, seconds: float = 10.0) -> Ended:
    """The next try that ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ended = place.wait(0.05)
        if ended:
            (one,) = ended
            return one
    raise AssertionError("nothing has ended")


def test_a_trial_from_its_submission_to_its_result(
    new_place: Callable[..., JobSets], fake: FakeCluster, bucket: Path, here: Path
) -> None:
    place = new_place()
    place.start([trial(0, here, "seed=1")])
    until(place, lambda: name(0) in fake.jobsets)
    assert place.free() == 7
    fake.admit(name(0))
    write(bucket, 0, "metrics.jsonl", {"step": 100, "validation/accuracy": 0.9})
    until(place, (here / "trials/0/metrics.jsonl").exists)
    write(bucket, 0, "summary.json", {"complete": True})
    write(bucket, 0, "evaluation/validation/metrics.json", {})
    write(bucket, 0, "checkpoints/100/manifest.json", {})
    fake.finish(name(0))
    ended = the_end(place)
    assert (ended.number, ended.code, ended.device) == (0, 0, "TPU v6e 4x4")
    assert ended.seconds > 0
    run = here / "trials/0"
    assert json.loads((run / "summary.json").read_text()) == {"complete": True}
    assert (run / "evaluation/validation/metrics.json").exists()
    assert not (run / "checkpoints").exists()  # they stay where they are
    assert place.free() == 8


def test_at_most_so_many_at_once(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path
) -> None:
    place = new_place(max_at_once=3)
    assert place.free() == 3
    place.start([trial(number, here) for number in range(3)])
    until(place, lambda: len(fake.jobsets) == 3)
    assert place.free() == 0


def test_submitting_twice_is_submitting_once(
    new_place: Callable[..., JobSets], fake: FakeCluster, bucket: Path, here: Path
) -> None:
    """The driver was killed; the next one takes over what runs, and hears of what ended."""
    first = new_place()
    first.start([trial(number, here) for number in range(2)])
    until(first, lambda: len(fake.jobsets) == 2)
    for number in range(2):
        fake.admit(name(number))
    fake.finish(name(1))
    write(bucket, 1, "summary.json", {"complete": True})
    second = new_place()
    second.start([trial(number, here) for number in range(2)])
    ended = the_end(second)
    assert (ended.number, ended.code) == (1, 0)
    fake.finish(name(0))
    assert the_end(second).number == 0
    assert sorted(fake.created) == [name(0), name(1)]


def test_a_preempted_trial_waits_and_goes_on(
    new_place: Callable[..., JobSets], fake: FakeCluster, cluster: KubernetesCluster, here: Path
) -> None:
    place = new_place()
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    fake.preempt(name(0))
    assert situation(cluster.look(SWEEP), name(0)).state == "preempted"
    assert place.wait(0.6) == []
    fake.admit(name(0))
    fake.finish(name(0))
    assert the_end(place).code == 0
    assert len(fake.created) == 1


def test_the_time_before_a_preemption_counts_and_the_wait_does_not(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path
) -> None:
    place = new_place()
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.jobsets[name(0)]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    fake.admit(name(0))
    (admitted,) = [
        each for each in fake.workloads[name(0)]["status"]["conditions"]
        if each["type"] == "Admitted"
    ]  # fmt: skip
    admitted["lastTransitionTime"] = (datetime.now(UTC) - timedelta(hours=2)).isoformat()
    place.wait(0.5)
    fake.preempt(name(0))
    place.wait(0.5)
    fake.admit(name(0))
    place.wait(0.5)
    fake.finish(name(0))
    assert 7200 < the_end(place).seconds < 7260


def test_a_mistake_fails_at_once_with_its_line(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path
) -> None:
    place = new_place()
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    log = "The configuration has one mistake; nothing was started.\n  seed=-1: expected 0 or more\n"
    assert fake.fail(name(0), 2, log) == "FailJobSet"
    ended = the_end(place)
    assert (ended.code, ended.message) == (2, "seed=-1: expected 0 or more (exit code 2)")


def test_crashes_are_tried_again_up_to_the_bound(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path
) -> None:
    place = new_place(max_tries=3)
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    for _ in range(2):
        assert fake.fail(name(0), 139) == "RestartJobSet"
        assert place.wait(0.3) == []
    fake.fail(name(0), 139, "Segmentation fault")
    ended = the_end(place)
    assert ended.code == 1
    assert ended.message == (
        "ReachedMaxRestarts: Segmentation fault (exit code 139); "
        "restarted 2 times, 2 of them counted"
    )


def test_restarts_on_75_and_disruptions_do_not_count_while_steps_are_gained(
    new_place: Callable[..., JobSets], fake: FakeCluster, bucket: Path, here: Path
) -> None:
    place = new_place(max_tries=1)
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    for step in range(8):
        write(bucket, 0, f"checkpoints/{step + 1}/manifest.json", {})
        action = fake.fail(name(0), 75 if step % 2 else 143, disrupted=step % 2 == 0)
        assert action == "RestartJobSetAndIgnoreMaxRestarts"
        assert place.wait(0.3) == []
    fake.finish(name(0))
    assert the_end(place).code == 0


def test_restarts_on_75_that_gain_nothing_have_an_end(
    new_place: Callable[..., JobSets], fake: FakeCluster, bucket: Path, here: Path
) -> None:
    place = new_place(idle_restarts=3)
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    write(bucket, 0, "checkpoints/200/manifest.json", {})
    fake.fail(name(0), 75)
    assert place.wait(0.3) == []
    write(bucket, 0, "checkpoints/400/state", {})  # of a checkpoint that is not whole
    ended: list[Ended] = []
    for _ in range(3):
        assert not ended
        fake.fail(name(0), 75)
        ended = place.wait(0.5)
    assert [one.code for one in ended] == [1]
    said = "restarted 3 times in a row without a checkpoint after step 200"
    assert ended[0].message == f"{said} (launch.idle_restarts)"
    assert name(0) not in fake.jobsets


def test_what_kueue_deactivates_for_good_is_told_and_can_be_tried_again(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path
) -> None:
    place = new_place()
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.deactivate(name(0))
    ended = the_end(place)
    assert ended.code is None  # a fault of the world
    assert ended.message == (
        "Kueue has deactivated it for good (DeactivatedDueToRequeuingLimitExceeded): "
        "exceeding the maximum number of re-queuing retries"
    )
    place.start([trial(0, here)])  # a next try is another JobSet
    until(place, lambda: len(fake.created) == 2 and name(0) in fake.jobsets)
    fake.admit(name(0))
    fake.finish(name(0))
    assert the_end(place).code == 0


def test_a_failure_that_no_driver_heard_of_is_told_and_one_that_was_is_not_told_again(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path
) -> None:
    first = new_place(max_tries=1)
    first.start([trial(0, here)])
    until(first, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    fake.fail(name(0), 1, "ValueError: no")
    second = new_place(max_tries=1)
    second.start([trial(0, here)])
    assert the_end(second).code == 1
    third = new_place(max_tries=1)
    third.start([trial(0, here)])
    until(third, lambda: len(fake.created) == 2)
    fake.admit(name(0))
    fake.finish(name(0))
    assert the_end(third).code == 0


def test_a_complete_run_is_not_submitted_again(
    new_place: Callable[..., JobSets], fake: FakeCluster, bucket: Path, here: Path
) -> None:
    """The driver was away for longer than the finished JobSet was kept."""
    write(bucket, 0, "summary.json", {"complete": True})
    write(bucket, 1, "summary.json", {"complete": False, "stopped": "pruned"})
    place = new_place()
    place.start([trial(0, here), trial(1, here)])
    ended = the_end(place)
    assert (ended.number, ended.code) == (0, 0)
    assert (here / "trials/0/summary.json").exists()
    until(place, lambda: fake.created == [name(1)])


def test_stopping_takes_everything_back(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path
) -> None:
    place = new_place()
    place.start([trial(number, here) for number in range(2)])
    until(place, lambda: len(fake.jobsets) == 2)
    fake.admit(name(0))
    place.stop(at_once=False)
    ended = until(place, lambda: place._running == {})
    assert {one.number: one.code for one in ended} == {0: 75, 1: 75}
    assert not fake.jobsets
    assert not fake.killed
    assert place.free() == 0


def test_stopping_at_once_kills(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path
) -> None:
    place = new_place()
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    place.stop(at_once=True)
    assert fake.killed == [f"jobset.sigs.k8s.io/jobset-name={name(0)}"]
    assert the_end(place).code == 75


@pytest.mark.parametrize("cancelled", [False, True])
def test_a_jobset_that_is_taken_away(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path, cancelled: bool
) -> None:
    place = new_place()
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    if cancelled:
        cancel(here / "trials/0")
    fake.delete(name(0))
    ended = the_end(place)
    expected = (
        (1, "cancelled") if cancelled else (None, "its JobSet was taken away by somebody else")
    )
    assert (ended.code, ended.message) == expected


def test_what_was_cancelled_without_a_driver_is_not_submitted_again(
    new_place: Callable[..., JobSets], fake: FakeCluster, bucket: Path, here: Path
) -> None:
    for number in range(2):
        cancel(here / "trials" / str(number))
    write(bucket, 1, "summary.json", {"complete": True})  # it was faster
    place = new_place()
    place.start([trial(number, here) for number in range(2)])
    ended = until(place, lambda: place._running == {})
    assert [(one.number, one.code, one.message) for one in ended] == [
        (0, 1, "cancelled"), (1, 0, ""),
    ]  # fmt: skip
    assert fake.created == []


def test_a_program_that_does_not_fit_is_not_submitted(
    new_place: Callable[..., JobSets], fake: FakeCluster, here: Path
) -> None:
    def refuse(words: Any) -> None:
        raise InvalidConfig(Problem("mesh", "data 16", "a program that fits", "mesh.fsdp=16 fits"))

    place = new_place(fits=refuse)
    place.start([trial(0, here)])
    ended = the_end(place)
    said = "mesh=data 16: expected a program that fits; mesh.fsdp=16 fits"
    assert (ended.code, ended.message) == (2, said)
    assert fake.created == []


def test_a_cluster_in_trouble_is_waited_for(
    new_place: Callable[..., JobSets], fake: FakeCluster, server: FakeServer, here: Path
) -> None:
    place = new_place()
    server.broken = 503
    place.start([trial(0, here)])
    assert place.wait(0.6) == []
    (line,) = place.said  # type: ignore[attr-defined]
    assert "the cluster answers 503: the server is in trouble; asked again in 0.2 s" in line
    server.broken = None
    until(place, lambda: name(0) in fake.jobsets)


def test_a_right_that_is_missing_is_said(
    new_place: Callable[..., JobSets], server: FakeServer, here: Path
) -> None:
    server.forbidden = True
    place = new_place()
    place.start([trial(0, here)])
    ended = the_end(place)
    assert ended.code == 2
    assert "the cluster answers 403: jobsets.jobset.x-k8s.io is forbidden" in ended.message


def test_requests_to_stop_reach_the_run_and_are_taken_back(
    new_place: Callable[..., JobSets], fake: FakeCluster, bucket: Path, here: Path
) -> None:
    place = new_place()
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    write(bucket, 0, "metrics.jsonl", {})
    asked, there = here / "trials/0" / STOP_REQUEST, bucket / SWEEP / "trials/0" / STOP_REQUEST
    asked.parent.mkdir(parents=True, exist_ok=True)
    asked.write_text('{"reason": "pruned"}')
    until(place, there.exists)
    assert there.read_text() == '{"reason": "pruned"}'
    fake.finish(name(0))
    the_end(place)
    asked.unlink()
    place.start([trial(0, here)])  # a pruned trial goes on
    until(place, lambda: not there.exists())
    assert name(0) in fake.jobsets


def test_how_far_a_lost_try_came_is_told_as_soon_as_the_storage_answers(
    new_place: Callable[..., JobSets], fake: FakeCluster, bucket: Path, here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    place = new_place()
    place.start([trial(0, here)])
    until(place, lambda: name(0) in fake.jobsets)
    fake.admit(name(0))
    write(bucket, 0, "checkpoints/300/manifest.json", {})
    with monkeypatch.context() as broken:
        broken.setattr(place.storage, "step", out_of_reach)
        fake.delete(name(0))
        assert place.wait(0.6) == []
    assert "trial 0: no answer; tried again" in place.said  # type: ignore[attr-defined]
    ended = the_end(place)
    assert (ended.code, ended.step) == (None, 300)


def out_of_reach(trial: str) -> int:
    raise StorageError("no answer")
