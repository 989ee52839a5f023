"""What JobSet's and Kueue's controllers do, as far as a sweep sees it; tests say what happens.

Written after their types and documents: a workload for each JobSet with a queue, suspended until
admitted; preemption as a suspension whose pods vanish; a failed pod judged by the Job's
podFailurePolicy, whose message is judged by the JobSet's failurePolicy.
"""

import itertools
import re
import threading
from datetime import UTC, datetime
from typing import Any

Thing = dict[str, Any]
QUEUE = "kueue.x-k8s.io/queue-name"
NAME = "jobset.sigs.k8s.io/jobset-name"


class FakeCluster:
    """One namespace."""

    def __init__(self) -> None:
        self.jobsets: dict[str, Thing] = {}
        self.workloads: dict[str, Thing] = {}
        self.pods: dict[str, Thing] = {}
        self.logs: dict[str, str] = {}
        self.created: list[str] = []
        self.killed: list[str] = []
        self.changed = threading.Condition(threading.RLock())
        self.version = 0
        self._uids = itertools.count(1)

    # What a client asks for.

    def create(self, body: Thing) -> bool:
        name = body["metadata"]["name"]
        with self.changed:
            if name in self.jobsets:
                return False
            body["metadata"] |= {"uid": f"uid-{next(self._uids)}", "creationTimestamp": now()}
            body["status"] = {"restarts": 0, "restartsCountTowardsMax": 0, "conditions": []}
            self.jobsets[name] = body
            self.created.append(name)
            if QUEUE in body["metadata"]["labels"]:
                body["spec"]["suspend"] = True
                owner = {"kind": "JobSet", "name": name, "uid": body["metadata"]["uid"]}
                self.workloads[name] = {
                    "metadata": {"name": f"jobset-{name}-ab12c", "ownerReferences": [owner]},
                    "spec": {"active": True, "queueName": body["metadata"]["labels"][QUEUE]},
                    "status": {"conditions": []},
                }
                self._set(self.workloads[name], "QuotaReserved", "False", "Pending",
                          "couldn't assign flavors to pod set slice: insufficient unused quota "
                          "for google.com/tpu in flavor tpu, 16 more needed")  # fmt: skip
            self.tick()
            return True

    def delete(self, name: str) -> bool:
        with self.changed:
            found = self.jobsets.pop(name, None)
            self.workloads.pop(name, None)
            self._drop_pods(name)
            self.tick()
            return found is not None

    def activate(self, workload: str) -> None:
        with self.changed:
            found = next(w for w in self.workloads.values() if w["metadata"]["name"] == workload)
            found["spec"]["active"] = True
            self._set(found, "Evicted", "False", "QuotaReserved", "")
            self.tick()

    # What happens to them.

    def admit(self, name: str, *, run: bool = True) -> None:
        """Kueue has quota; JobSet makes the pods."""
        with self.changed:
            workload, jobset = self.workloads[name], self.jobsets[name]
            self._set(workload, "QuotaReserved", "True", "QuotaReserved", "")
            self._set(workload, "Admitted", "True", "Admitted", "The workload is admitted")
            self._set(workload, "Evicted", "False", "QuotaReserved", "")
            jobset["spec"]["suspend"] = False
            self._make_pods(name, "Running" if run else "Pending")
            self.tick()

    def preempt(self, name: str) -> None:
        """Another workload needs the quota: a suspend, without a DisruptionTarget."""
        with self.changed:
            workload = self.workloads[name]
            message = "Preempted to accommodate a workload of higher priority"
            self._set(workload, "Evicted", "True", "Preempted", message)
            self._set(workload, "Admitted", "False", "NoReservation", "")
            self._set(workload, "QuotaReserved", "False", "Pending", message)
            self.jobsets[name]["spec"]["suspend"] = True
            self._drop_pods(name)
            self.tick()

    def deactivate(self, name: str) -> None:
        """Kueue has put it back too often."""
        with self.changed:
            workload = self.workloads[name]
            workload["spec"]["active"] = False
            message = "exceeding the maximum number of re-queuing retries"
            reason = "DeactivatedDueToRequeuingLimitExceeded"
            self._set(workload, "Evicted", "True", reason, message)
            self.jobsets[name]["spec"]["suspend"] = True
            self._drop_pods(name)
            self.tick()

    def finish(self, name: str) -> None:
        """All pods ended with 0."""
        with self.changed:
            jobset = self.jobsets[name]
            for pod in self._pods(name):
                self._end_pod(pod, 0, "")
            jobset["status"]["terminalState"] = "Completed"
            self._set(jobset, "Completed", "True", "AllJobsCompleted", "")
            self._set(self.workloads[name], "Finished", "True", "Succeeded", "")
            self.tick()

    def fail(self, name: str, code: int, message: str = "", *, disrupted: bool = False) -> str:
        """A pod ends with a code; gives what JobSet does about it."""
        with self.changed:
            jobset = self.jobsets[name]
            pods = self._pods(name)
            self._end_pod(pods[0], code, message)
            for pod in pods[1:]:  # whoever fails takes the others along
                self._end_pod(pod, 134, "Fatal Python error: Aborted")
            reason, said = self._job_failure(jobset, pods[0], code, disrupted)
            action = self._action(jobset, reason, said)
            status, policy = jobset["status"], jobset["spec"]["failurePolicy"]
            if action == "FailJobSet":
                self._failed(name, "FailJobSetFailurePolicyAction", said)
            elif action == "RestartJobSet" and (
                status["restartsCountTowardsMax"] >= policy["maxRestarts"]
            ):
                self._failed(
                    name, "ReachedMaxRestarts", "jobset failed due to reaching max restarts"
                )
            else:
                status["restarts"] += 1
                status["restartsCountTowardsMax"] += action == "RestartJobSet"
                self._drop_pods(name)
                self._make_pods(name, "Running")
            self.tick()
            return action

    def hinder(self, name: str, *, unplaced: str = "", waiting: Thing | None = None) -> None:
        """The first pod cannot run."""
        with self.changed:
            pod = self._pods(name)[0]
            pod["status"]["phase"] = "Pending"
            if unplaced:
                self._set(pod, "PodScheduled", "False", "Unschedulable", unplaced)
            if waiting:
                state = {"name": "train", "state": {"waiting": waiting}}
                pod["status"]["containerStatuses"] = [state]
            self.tick()

    def tick(self) -> None:
        """Something has changed."""
        self.version += 1
        self.changed.notify_all()

    def _job_failure(
        self, jobset: Thing, pod: Thing, code: int, disrupted: bool
    ) -> tuple[str, str]:
        """Reason and message of the Job's failure, as the Job controller writes them."""
        job = jobset["spec"]["replicatedJobs"][0]["template"]["spec"]
        name = f"default/{pod['metadata']['name']}"
        for index, rule in enumerate(job["podFailurePolicy"]["rules"]):
            if code in rule.get("onExitCodes", {}).get("values", []) and not disrupted:
                said = f"Container train for pod {name} failed with exit code {code} matching"
                return "PodFailurePolicy", f"{said} FailJob rule at index {index}"
            if disrupted and "onPodConditions" in rule:
                said = f"Pod {name} has condition DisruptionTarget matching FailJob rule"
                return "PodFailurePolicy", f"{said} at index {index}"
        return "BackoffLimitExceeded", "Job has reached the specified backoff limit"

    def _action(self, jobset: Thing, reason: str, said: str) -> str:
        for rule in jobset["spec"]["failurePolicy"]["rules"]:
            patterns = rule.get("onJobFailureMessagePatterns") or [""]
            reasons = rule.get("onJobFailureReasons") or [reason]
            if reason in reasons and any(re.search(pattern, said) for pattern in patterns):
                return str(rule["action"])
        return "RestartJobSet"

    def _failed(self, name: str, reason: str, message: str) -> None:
        self.jobsets[name]["status"]["terminalState"] = "Failed"
        self._set(self.jobsets[name], "Failed", "True", reason, message)
        self._set(self.workloads[name], "Finished", "True", "Failed", message)

    def _make_pods(self, name: str, phase: str) -> None:
        jobset = self.jobsets[name]
        (job,) = jobset["spec"]["replicatedJobs"]
        hosts = job["template"]["spec"]["parallelism"]
        for index, host in itertools.product(range(job["replicas"]), range(hosts)):
            pod = f"{name}-slice-{index}-{host}-x{next(self._uids):04d}"
            own = job["template"]["spec"]["template"]["metadata"]["labels"]
            labels = {**own, NAME: name, "jobset.sigs.k8s.io/job-index": str(index)}
            labels["batch.kubernetes.io/job-completion-index"] = str(host)
            assert len(pod) <= 63
            self.pods[pod] = {
                "metadata": {"name": pod, "labels": labels},
                "status": {"phase": phase, "conditions": [], "containerStatuses": []},
            }

    def _pods(self, name: str) -> list[Thing]:
        return [p for p in self.pods.values() if p["metadata"]["labels"][NAME] == name]

    def _drop_pods(self, name: str) -> None:
        for pod in self._pods(name):
            del self.pods[pod["metadata"]["name"]]

    def _end_pod(self, pod: Thing, code: int, message: str) -> None:
        ended = {"exitCode": code, "message": message, "finishedAt": now(), "reason": "Error"}
        pod["status"]["phase"] = "Failed" if code else "Succeeded"
        pod["status"]["containerStatuses"] = [{"name": "train", "state": {"terminated": ended}}]

    def _set(self, thing: Thing, kind: str, status: str, reason: str, message: str) -> None:
        conditions = thing["status"]["conditions"]
        conditions[:] = [each for each in conditions if each["type"] != kind]
        conditions.append(
            {"type": kind, "status": status, "reason": reason, "message": message,
             "lastTransitionTime": now()}
        )  # fmt: skip


def now() -> str:
    """As Kubernetes writes times."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
