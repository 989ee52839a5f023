"""A JobSet: one trial, or one worker that takes trial after trial, on one slice or several.

Read in the types of JobSet 0.10 and Kueue, and in what xpk, AXLearn and MaxText submit.
"""

from collections.abc import Sequence
from typing import Any

from framework.launch.gke.names import JOB, trial_name, worker_name
from framework.launch.gke.order import Order
from framework.launch.gke.pod import CONTAINER, labels, template

Manifest = dict[str, Any]
API_VERSION = "jobset.x-k8s.io/v1alpha2"
QUEUE, PRIORITY = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/priority-class"
EXCLUSIVE = "alpha.jobset.sigs.k8s.io/exclusive-topology"
NODE_POOL = "cloud.google.com/gke-nodepool"
AGAIN, MISTAKE = 75, 2


def of_trial(order: Order, number: int, words: Sequence[str]) -> Manifest:
    """The JobSet that trains a trial.

    Args:
        words: that compose its experiment; `run.dir` is replaced by the one that pods see.
    """
    command = ["python", "-m", "experiments.run", *words_of(order, number, words)]
    name = trial_name(order.sweep, number)
    return _jobset(order, name, command, {"trial": str(number)})


def of_worker(order: Order, number: int) -> Manifest:
    """The JobSet of a worker, which holds its slices for one trial after another."""
    folder = f"{order.folder}/{worker_folder(number)}"
    command = ["python", "-m", "framework.launch.slice_worker", folder]
    command.append(f"{order.options.idle_seconds:g}")
    name = worker_name(order.sweep, number)
    return _jobset(order, name, command, {"worker": str(number)})


def worker_folder(number: int) -> str:
    """Of a worker, in the sweep's."""
    return f"workers/{number}"


def words_of(order: Order, number: int, words: Sequence[str]) -> list[str]:
    """A trial's words with the run directory that pods see."""
    own = [word for word in words if not word.lstrip("+").startswith("run.dir=")]
    return [*own, f"run.dir={run_directory(order, number)}"]


def run_directory(order: Order, number: int) -> str:
    """Of a trial, as the pods see it."""
    return f"{order.folder}/trials/{number}"


def _jobset(order: Order, name: str, command: Sequence[str], own: dict[str, str]) -> Manifest:
    options = order.options
    metadata: Manifest = {
        "name": name,
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
