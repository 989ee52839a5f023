"""One line a trial, from Workload, JobSet and pods together: why it does not run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from framework.launch.gke.kubernetes_cluster import KubernetesCluster
from framework.launch.gke.manifest import of_trial
from framework.launch.gke.situation import situation
from tests.launch.gke.conftest import make, trial
from tests.launch.gke.fake_cluster import FakeCluster

NAME = "digits-a1b2c3-t0000"
Happens = Callable[[FakeCluster], object]


def pending(fake: FakeCluster) -> None:
    fake.admit(NAME, run=False)


def without_a_node(fake: FakeCluster) -> None:
    fake.admit(NAME)
    fake.hinder(NAME, unplaced="0/12 nodes are available: 12 Insufficient google.com/tpu.")


def without_an_image(fake: FakeCluster) -> None:
    fake.admit(NAME)
    fake.hinder(NAME, waiting={"reason": "ImagePullBackOff", "message": "Back-off pulling image"})


def creating(fake: FakeCluster) -> None:
    fake.admit(NAME)
    fake.hinder(NAME, waiting={"reason": "ContainerCreating"})


def waiting_for_machines(fake: FakeCluster) -> None:
    workload = fake.workloads[NAME]
    fake._set(workload, "QuotaReserved", "True", "QuotaReserved", "")
    check = {"name": "dws", "state": "Pending", "message": "waiting for 4 nodes"}
    workload["status"]["admissionChecks"] = [check]


def preempted(fake: FakeCluster) -> None:
    fake.admit(NAME)
    fake.preempt(NAME)


def admitted_again(fake: FakeCluster) -> None:
    preempted(fake)
    fake.admit(NAME)


def restarted(fake: FakeCluster) -> None:
    fake.admit(NAME)
    fake.fail(NAME, 75)
    fake.fail(NAME, 134)


def failed_with_2(fake: FakeCluster) -> None:
    fake.admit(NAME)
    fake.fail(NAME, 2, "mesh=data 8: expected axes that multiply to the 16 devices")


def leaving(fake: FakeCluster) -> None:
    fake.jobsets[NAME]["metadata"]["deletionTimestamp"] = "2026-11-26T05:00:00Z"


def finished(fake: FakeCluster) -> None:
    fake.admit(NAME)
    fake.finish(NAME)


@pytest.mark.parametrize(
    ("happens", "state", "why"),
    [
        (lambda fake: fake.delete(NAME), "absent", "there is no JobSet of this trial"),
        (lambda fake: None, "queued", "waits in the queue: couldn't assign flavors to pod set"),
        (lambda fake: fake.workloads.clear(), "queued",
         "Kueue has made no Workload of it: does it run, and is there a queue multislice?"),
        (waiting_for_machines, "queued", "has quota, waits for machines: dws: waiting for 4 nodes"),
        (preempted, "preempted", "suspended by Kueue (Preempted): Preempted to accommodate"),
        (lambda fake: fake.deactivate(NAME), "deactivated", "Kueue has deactivated it for good"),
        (pending, "starting", "0 of 4 hosts run"),
        (without_a_node, "starting", "3 of 4 hosts run: no node: 0/12 nodes are available"),
        (without_an_image, "starting", "3 of 4 hosts run: ImagePullBackOff: Back-off pulling"),
        (creating, "starting", "3 of 4 hosts run"),
        (admitted_again, "running", "4 of 4 hosts run"),
        (restarted, "running", "4 of 4 hosts run; restarted 2 times, 1 of them counted"),
        (failed_with_2, "failed", "mesh=data 8: expected axes that multiply to the 16 devices"),
        (leaving, "leaving", "is being taken away"),
        (finished, "done", "complete"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)  # fmt: skip
def test_why_a_trial_does_not_run(
    fake: FakeCluster, cluster: KubernetesCluster, happens: Happens, state: str, why: str
) -> None:
    assert cluster.create(of_trial(make(), trial(0, Path("sweep"))))
    happens(fake)
    now = situation(cluster.look("digits-a1b2c3"), NAME)
    assert now.state == state
    assert now.why.startswith(why)
    assert "\n" not in now.why


@pytest.mark.parametrize(
    ("happens", "costs"),
    [
        (lambda fake: None, False), (preempted, False), (waiting_for_machines, False),
        (lambda fake: fake.deactivate(NAME), False), (lambda fake: fake.workloads.clear(), False),
        (pending, True), (admitted_again, True), (finished, True),
    ],
)  # fmt: skip
def test_only_what_is_admitted_takes_time(
    fake: FakeCluster, cluster: KubernetesCluster, happens: Happens, costs: bool
) -> None:
    assert cluster.create(of_trial(make(), trial(0, Path("sweep"))))
    fake.jobsets[NAME]["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    happens(fake)
    now = situation(cluster.look("digits-a1b2c3"), NAME)
    assert (0 < now.seconds < 60) is costs
    assert bool(now.since) is costs


def test_other_sweeps_are_not_seen(fake: FakeCluster, cluster: KubernetesCluster) -> None:
    cluster.create(of_trial(make(sweep="another-ffffff"), trial(0, Path("sweep"))))
    assert cluster.look("digits-a1b2c3").jobsets == []


def test_creating_twice_is_creating_once(fake: FakeCluster, cluster: KubernetesCluster) -> None:
    manifest = of_trial(make(), trial(0, Path("sweep")))
    assert [cluster.create(manifest), cluster.create(manifest)] == [True, False]
    assert fake.created == [NAME]
    assert cluster.get(NAME) is not None
    cluster.delete(NAME)
    cluster.delete(NAME)
    assert cluster.get(NAME) is None
