"""What a trial asks of a cluster, and how the sweep behaves there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from framework.config import InvalidConfig, NonNegativeFloat, PositiveFloat, PositiveInt, Problem
from framework.launch.names import LABEL, LONGEST_LABEL

KEY = "launch"
INSTALL = 'pip install -e ".[gke]"'
_STORAGE = re.compile(r"gs://(?P<bucket>[a-z0-9][a-z0-9._-]+[a-z0-9])(?P<folder>(/[\w.=-]+)*)/?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class GkeOptions:
    """A place in a cluster; slice, slices, queue and image are `launch.…`, alike for all TPUs.

    Attributes:
        machine: a kind, where a slice can be made of several; null takes the largest.
        capacity: what pays for the machines.
        reservation: its name, with capacity=reservation.
        name: of the sweep on the cluster, before each trial's number; null makes one up.
        namespace: of the queue, and so of all that is made.
        context: of the kubeconfig; null takes the current one, or the pod's own.
        priority: a WorkloadPriorityClass of Kueue's: who is admitted first, and may preempt.
        pod_priority: a PriorityClass of Kubernetes'.
        service_account: which may read and write the storage (Workload Identity).
        storage: where run directories lie: `gs://BUCKET/FOLDER`, mounted by Cloud Storage FUSE, or
            `claim:NAME`, a volume that every host can mount and write.
        seen_at: where this machine sees the same: a folder, or an address that fsspec knows; null
            for the bucket's own address.
        mount: where the pods see it.
        environment: further variables of the pods.
        secret: whose keys become variables of the pods, such as WANDB_API_KEY.
        workers: so many slices are held, each for one trial after another; null makes a JobSet for
            each trial, which waits for its own admission.
        max_at_once: trials that are queued or run.
        idle_restarts: starts in a row on exit code 75 that gain no checkpoint, after which a trial
            is stopped: JobSet restarts those without counting.
        idle_seconds: without a trial, after which a worker gives its slice back.
        grace_seconds: between SIGTERM and SIGKILL: more than a step and a checkpoint take.
        keep_seconds: that a finished JobSet and its logs stay.
        host_network: several slices speak faster without the pods' own network.
        hours: of a trial, for its price; null estimates them from the plan, at its best.
        price: of a chip for an hour, in whatever currency.
        poll_seconds: between questions to the cluster, at the most.
    """

    machine: str | None = None
    capacity: Literal["spot", "reservation", "on_demand"] = "on_demand"
    reservation: str | None = None
    name: str | None = None
    namespace: str = "default"
    context: str | None = None
    priority: str | None = None
    pod_priority: str | None = None
    service_account: str | None = None
    storage: str | None = None
    seen_at: str | None = None
    mount: str = "/runs"
    environment: Mapping[str, str] = field(default_factory=dict)
    secret: str | None = None
    workers: PositiveInt | None = None
    max_at_once: PositiveInt = 8
    idle_restarts: PositiveInt = 3
    idle_seconds: PositiveFloat = 300.0
    grace_seconds: PositiveInt = 120
    keep_seconds: PositiveInt = 43200
    host_network: bool = False
    hours: PositiveFloat | None = None
    price: NonNegativeFloat | None = None
    poll_seconds: PositiveFloat = 10.0

    def __post_init__(self) -> None:
        problems = [*self._names(), *self._storage()]
        if (self.capacity == "reservation") != (self.reservation is not None):
            given = self.capacity == "reservation"
            expected = "the reservation's name" if given else "null, or capacity=reservation"
            problems.append(Problem("reservation", self.reservation, expected))
        if self.workers is not None and self.workers > self.max_at_once:  # slices without a trial
            expected = f"at most {KEY}.max_at_once={self.max_at_once}"
            problems.append(Problem("workers", self.workers, expected))
        problems += [
            Problem(f"environment.{name}", value, "a variable's name: letters, digits and _")
            for name, value in self.environment.items()
            if not _VARIABLE.fullmatch(name)
        ]
        if problems:
            raise InvalidConfig(*problems)

    def _names(self) -> list[Problem]:
        expected = f"a name as Kubernetes has them: {LONGEST_LABEL} characters of a-z, 0-9 and -"
        return [
            Problem(name, value, expected)
            for name in (
                "namespace", "priority", "pod_priority", "service_account", "secret", "reservation"
            )
            if (value := getattr(self, name)) is not None and not LABEL.fullmatch(value)
        ]  # fmt: skip

    def _storage(self) -> list[Problem]:
        problems = []
        claim = (self.storage or "").removeprefix("claim:")
        if self.bucket is None and not (self.claim and LABEL.fullmatch(claim)):
            expected = "gs://BUCKET/FOLDER, or claim:NAME of a volume that every host can write"
            hint = "run directories must outlive the pods"
            problems.append(Problem("storage", self.storage, expected, hint))
        elif self.claim and self.seen_at is None:
            expected = f"where this machine sees {self.storage}"
            hint = "results are read from there"
            problems.append(Problem("seen_at", None, expected, hint))
        if not re.fullmatch(r"(/[\w.-]+)+", self.mount):
            problems.append(Problem("mount", self.mount, "an absolute path, as /runs"))
        return problems

    @property
    def bucket(self) -> tuple[str, str] | None:
        """The bucket and the folder in it; None where the storage is another."""
        matched = _STORAGE.fullmatch(self.storage or "")
        return None if matched is None else (matched["bucket"], matched["folder"].strip("/"))

    @property
    def claim(self) -> str | None:
        """The name of the PersistentVolumeClaim; None where the storage is another."""
        kind, _, name = (self.storage or "").partition(":")
        return name if kind == "claim" else None

    @property
    def address(self) -> str:
        """Where this machine sees the storage."""
        return self.seen_at or (self.storage or "").rstrip("/")
