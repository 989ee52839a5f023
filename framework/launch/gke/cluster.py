"""The few verbs of a cluster that are used, and what they may answer."""

from dataclasses import dataclass
from typing import Any, Protocol

Thing = dict[str, Any]


class ClusterError(Exception):
    """The cluster cannot be reached, or does not do it now; one line."""


class Refused(ClusterError):  # noqa: N818
    """It will not do it later either: no right, no such kind of thing, an invalid one."""


@dataclass(frozen=True)
class Seen:
    """What there is of a sweep at one moment.

    Attributes:
        workloads: of the whole namespace: Kueue gives them no labels of ours.
    """

    jobsets: list[Thing]
    workloads: list[Thing]
    pods: list[Thing]

    def jobset(self, name: str) -> Thing | None:
        """The one of that name."""
        return next((each for each in self.jobsets if each["metadata"]["name"] == name), None)

    def workload(self, name: str) -> Thing | None:
        """The one that Kueue made for a JobSet."""
        return next((each for each in self.workloads if _owner(each) == name), None)

    def pods_of(self, name: str) -> list[Thing]:
        """A JobSet's pods, the first host's first."""
        key = "jobset.sigs.k8s.io/jobset-name"
        own = [each for each in self.pods if each["metadata"].get("labels", {}).get(key) == name]
        return sorted(own, key=lambda each: _place(each["metadata"].get("labels", {})))


class Cluster(Protocol):
    """A namespace of a cluster. All raise ClusterError."""

    def create(self, manifest: Thing) -> bool:
        """Makes a JobSet; False where one of its name is there."""
        ...

    def get(self, name: str) -> Thing | None:
        """The JobSet of that name."""
        ...

    def look(self, sweep: str) -> Seen:
        """All that there is of a sweep."""
        ...

    def delete(self, name: str, *, at_once: bool = False) -> None:
        """Takes a JobSet away, with its pods, which are told by SIGTERM, or killed at once."""
        ...

    def activate(self, workload: str) -> None:
        """Has Kueue consider a workload again that it has deactivated."""
        ...

    def changed(self, sweep: str, seconds: float) -> None:
        """Waits until something of a sweep changes, so long at most."""
        ...

    def logs(self, pod: str, lines: int) -> str:
        """The last lines of a pod."""
        ...


def _owner(workload: Thing) -> str | None:
    owners = workload["metadata"].get("ownerReferences", [])
    return next((each["name"] for each in owners if each.get("kind") == "JobSet"), None)


def _place(labels: dict[str, str]) -> tuple[int, int]:
    job = labels.get("jobset.sigs.k8s.io/job-index", "0")
    pod = labels.get("batch.kubernetes.io/job-completion-index", "0")
    return int(job), int(pod)
