"""A JobSet: one trial, or one worker that takes trial after trial, on one slice or several.

Read in the types of JobSet 0.10 and Kueue, and in what xpk, AXLearn and MaxText submit.
"""

from collections.abc import Sequence
from typing import Any

from framework.launch.gke.order import Order
from framework.launch.gke.pod import CONTAINER, labels, template
from framework.launch.names import JOB, Identity, identity, worker_identity
from framework.launch.trial import Trial

Manifest = dict[str, Any]
API_VERSION = "jobset.x-k8s.io/v1alpha2"
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"
EXCLUSIVE = "alpha.jobset.sigs.k8s.io/exclusive-topology"
NODE_POOL = "cloud.google.com/gke-nodepool"
AGAIN, MISTAKE = 75, 2


def of_trial(order: Order, trial: Trial) -> Manifest:
    """The JobSet that trains a trial."""
    command = ["python", "-m", "experiments.run", *words_of(order, trial)]
    return _jobset(order, identity(trial), command, "trial")


def of_worker(order: Order, number: int) -> Manifest:
    """The JobSet of a worker, which holds its slices for one trial after another."""
    own = worker_identity(number)
    command = ["python", "-m", "framework.launch.slice_worker", f"{order.folder}/{own.folder}"]
    command.append(f"{order.options.idle_seconds:g}")
    return _jobset(order, own, command, "worker")


def words_of(order: Order, trial: Trial) -> list[str]:
    """A trial's words with the run directory that pods see."""
    own = [word for word in trial.overrides if not word.lstrip("+").startswith("run.dir=")]
    return [*own, f"run.dir={order.folder}/{identity(trial).folder}"]


def _jobset(order: Order, which: Identity, command: Sequence[str], kind: str) -> Manifest:
    options = order.options
    own = {kind: which.suffix}
    metadata: Manifest = {
        "name": which.name(order.sweep),
        "namespace": options.namespace,
        # Kueue reads labels; an annotation of that name would mean nothing.
        "labels": {**labels(order, own), QUEUE: order.queue},
        # A child job for each node pool, which is a slice.
        "annotations": {EXCLUSIVE: NODE_POOL},
    }
    if options.priority is not None:
        metadata["labels"][PRIORITY] = options.priority
    spec: Manifest = {
        "suspend": True,  # until Kueue admits it, also where its webhook is down
        "ttlSecondsAfterFinished": options.keep_seconds,
        # Hosts look for each other before they are ready.
        "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
        "failurePolicy": _failure_policy(order.max_tries),
        "replicatedJobs": [
            {
                "name": JOB,
                "replicas": order.slices,
                "template": {"spec": _job(order, command, own)},
            }
        ],
    }
    if order.slices > 1:
        spec["coordinator"] = {"replicatedJob": JOB, "jobIndex": 0, "podIndex": 0}
    return {"apiVersion": API_VERSION, "kind": "JobSet", "metadata": metadata, "spec": spec}


def _failure_policy(max_tries: int) -> Manifest:
    """A mistake ends it; what is none of the trial's does not count; the rest does."""
    return {
        "maxRestarts": max_tries - 1,
        # The old pods are gone before new ones start: no busy /dev/vfio, no stale coordinator.
        "restartStrategy": "BlockingRecreate",
        "rules": [  # in order; the first that matches counts
            {
                "name": "mistake",
                "action": "FailJobSet",
                "onJobFailureReasons": ["PodFailurePolicy"],
                "onJobFailureMessagePatterns": [f"failed with exit code {MISTAKE} matching"],
            },
            {
                "name": "preempted",
                "action": "RestartJobSetAndIgnoreMaxRestarts",
                "onJobFailureReasons": ["PodFailurePolicy"],
                "onJobFailureMessagePatterns": [
                    f"failed with exit code {AGAIN} matching",
                    "has condition DisruptionTarget matching",
                ],
            },
            {
                "name": "crashed",
                "action": "RestartJobSet",
                "onJobFailureReasons": ["BackoffLimitExceeded", "PodFailurePolicy"],
            },
        ],
    }


def _job(order: Order, command: Sequence[str], own: dict[str, str]) -> Manifest:
    """One slice: a pod on each host."""

    def fails(code: int) -> Manifest:
        codes = {"containerName": CONTAINER, "operator": "In", "values": [code]}
        return {"action": "FailJob", "onExitCodes": codes}

    disrupted = [{"type": "DisruptionTarget", "status": "True"}]
    return {
        "completionMode": "Indexed",  # a pod's index becomes TPU_WORKER_ID
        "parallelism": order.slice.hosts,
        "completions": order.slice.hosts,
        "backoffLimit": 0,  # any pod that fails is the JobSet's matter
        "podFailurePolicy": {
            "rules": [
                fails(MISTAKE),
                fails(AGAIN),
                {"action": "FailJob", "onPodConditions": disrupted},
            ]
        },
        "template": template(order, command, own),
    }
