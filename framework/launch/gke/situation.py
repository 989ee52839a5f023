"""What a trial is doing, and why it does not run: read from its Workload, JobSet and pods together.

None of them knows alone. Kueue preempts by suspending a JobSet, whose pods just vanish; a workload
that it has put back too often is deactivated for ever, with its JobSet suspended as if it waited;
pods that cannot be placed or whose image is not there wait without a word in the JobSet.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from framework.launch.gke.cluster import Seen, Thing
from framework.launch.gke.manifest import MISTAKE
from framework.launch.gke.pod import CONTAINER
from framework.launch.last_words import last_words

State = Literal[
    "absent", "queued", "preempted", "deactivated", "starting", "running", "leaving", "done",
    "failed",
]  # fmt: skip
_FAILED_BY_RULE = "FailJobSetFailurePolicyAction"
_MOST = 300  # characters of a line


@dataclass(frozen=True)
class Situation:
    """What a trial's JobSet is doing.

    Attributes:
        why: one line.
        restarts: of the JobSet since it was made.
        counted: those of them that count against its limit.
        code: where it has ended, the exit code that tells why: 0, 2 for a mistake, 1.
        seconds: since it was last admitted, or from then until it ended; 0 while it is not.
        since: when that was, as the cluster writes times; empty while it is not.
    """

    state: State
    why: str = ""
    restarts: int = 0
    counted: int = 0
    code: int | None = None
    seconds: float = 0.0
    since: str = ""

    @property
    def free(self) -> int:
        """Restarts that did not count: exits with 75, and disruptions."""
        return self.restarts - self.counted


def situation(seen: Seen, name: str) -> Situation:
    """Of the JobSet `name`."""
    jobset = seen.jobset(name)
    if jobset is None:
        return Situation("absent", "there is no JobSet of this trial")
    workload, pods = seen.workload(name), seen.pods_of(name)
    status = jobset.get("status", {})
    restarts = int(status.get("restarts") or 0)
    counted = int(status.get("restartsCountTowardsMax") or 0)
    state, why, code = _told(jobset, workload, pods)
    if restarts and state in ("running", "starting", "failed"):
        times = "once" if restarts == 1 else f"{restarts} times"
        why += f"; restarted {times}, {counted} of them counted"
    line = " ".join(why.split())[:_MOST]
    since = _admitted(jobset, workload)
    return Situation(state, line, restarts, counted, code, _seconds(jobset, since), since)


def _told(
    jobset: Thing, workload: Thing | None, pods: list[Thing]
) -> tuple[State, str, int | None]:
    if _true(jobset, "Completed"):
        return "done", "complete", 0
    failed = _true(jobset, "Failed")
    if failed:
        return "failed", *_failure(failed, pods)
    if jobset["metadata"].get("deletionTimestamp"):
        return "leaving", "is being taken away; its pods save and end", None
    if workload is not None and _deactivated(workload):
        said = _true(workload, "Evicted") or _true(workload, "DeactivationTarget") or {}
        why = f"Kueue has deactivated it for good ({said.get('reason', 'spec.active is false')})"
        return "deactivated", f"{why}: {said.get('message', '')}".rstrip(": "), None
    if jobset["spec"].get("suspend"):
        return _suspended(jobset, workload)
    return _pods(jobset, pods)


def _suspended(jobset: Thing, workload: Thing | None) -> tuple[State, str, None]:
    if workload is None:
        queue = jobset["metadata"].get("labels", {}).get("kueue.x-k8s.io/queue-name")
        why = f"Kueue has made no Workload of it: does it run, and is there a queue {queue}?"
        return "queued", why, None
    evicted = _true(workload, "Evicted") or _true(workload, "Preempted")
    if evicted:
        why = f"suspended by Kueue ({evicted.get('reason')}): {evicted.get('message', '')}"
        return "preempted", why, None
    if _true(workload, "QuotaReserved") and not _true(workload, "Admitted"):
        checks = workload.get("status", {}).get("admissionChecks", [])
        waiting = [each for each in checks if each.get("state") != "Ready"]
        said = "; ".join(f"{each.get('name')}: {each.get('message', '')}" for each in waiting)
        return "queued", f"has quota, waits for machines: {said}".rstrip(": "), None
    said = _condition(workload, "QuotaReserved").get("message", "")
    return "queued", f"waits in the queue: {said}".rstrip(": "), None


def _pods(jobset: Thing, pods: list[Thing]) -> tuple[State, str, None]:
    """Of a JobSet that is admitted."""
    wanted = sum(
        int(job.get("replicas", 1)) * int(job["template"]["spec"]["parallelism"])
        for job in jobset["spec"]["replicatedJobs"]
    )
    running = [pod for pod in pods if pod.get("status", {}).get("phase") == "Running"]
    if len(running) == wanted:
        return "running", f"{wanted} of {wanted} hosts run", None
    said = next((why for pod in pods if (why := _obstacle(pod))), "")
    why = f"{len(running)} of {wanted} hosts run"
    return "starting", f"{why}: {said}" if said else why, None


def _obstacle(pod: Thing) -> str:
    """Why a pod does not run."""
    placed = _condition(pod, "PodScheduled")
    if placed.get("status") == "False":
        return f"no node: {placed.get('message', placed.get('reason', ''))}"
    for container in pod.get("status", {}).get("containerStatuses", []):
        waiting = container.get("state", {}).get("waiting")
        if waiting and waiting.get("reason") not in (None, "ContainerCreating"):
            return f"{waiting['reason']}: {waiting.get('message', '')}".rstrip(": ")
        ended = container.get("state", {}).get("terminated")
        if ended and ended.get("exitCode"):
            return f"{pod['metadata']['name']} ended with {ended['exitCode']}"
    return ""


def _failure(failed: Thing, pods: list[Thing]) -> tuple[str, int]:
    """Why a JobSet failed, and the code that says what to do about it."""
    ended = [each for pod in pods if (each := terminated(pod)) and each.get("exitCode")]
    mistakes = [each for each in ended if each["exitCode"] == MISTAKE]
    # Whoever fails first takes the others with it.
    first = min(mistakes or ended, key=lambda each: str(each.get("finishedAt", "")), default=None)
    by_rule = failed.get("reason") == _FAILED_BY_RULE
    code = MISTAKE if by_rule or mistakes else 1
    if first is None:
        return f"{failed.get('reason')}: {failed.get('message', '')}", code
    said = last_words(str(first.get("message") or first.get("reason") or ""))
    why = f"{said} (exit code {first['exitCode']})" if said else f"exit code {first['exitCode']}"
    return (why if by_rule else f"{failed.get('reason')}: {why}"), code


def terminated(pod: Thing) -> Thing | None:
    """How the training's container of a pod has ended."""
    for container in pod.get("status", {}).get("containerStatuses", []):
        if container.get("name") == CONTAINER:
            found: Thing | None = container.get("state", {}).get("terminated")
            return found
    return None


def _deactivated(workload: Thing) -> bool:
    return workload.get("spec", {}).get("active") is False


def _condition(thing: Thing, kind: str) -> Thing:
    conditions = thing.get("status", {}).get("conditions", [])
    return next((each for each in conditions if each.get("type") == kind), {})


def _true(thing: Thing, kind: str) -> Thing | None:
    found = _condition(thing, kind)
    return found if found.get("status") == "True" else None


def _admitted(jobset: Thing, workload: Thing | None) -> str:
    """When it was last admitted; empty while it is not: waiting costs nothing."""
    if workload is not None:
        return str((_true(workload, "Admitted") or {}).get("lastTransitionTime", ""))
    if jobset["spec"].get("suspend"):
        return ""
    # Kueue has cleared the workload away.
    return str(jobset["metadata"].get("creationTimestamp", ""))


def _seconds(jobset: Thing, since: str) -> float:
    """To its end or now."""
    if not since:
        return 0.0
    ended: Any = _true(jobset, "Completed") or _true(jobset, "Failed") or {}
    ended = ended.get("lastTransitionTime")
    until = _time(ended) if ended else datetime.now().astimezone()
    return max(0.0, (until - _time(since)).total_seconds())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
