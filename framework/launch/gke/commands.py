"""What `scripts/launch.py` does: each command gives lines for people."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.config import InvalidConfig, Problem, nearest
from framework.launch.evidence import STOP_REQUEST
from framework.launch.gke.cancelled import CANCELLED, cancel, is_cancelled, take_back
from framework.launch.gke.claims import holder
from framework.launch.gke.cluster import Cluster, Seen, Thing
from framework.launch.gke.kubernetes_cluster import connect
from framework.launch.gke.listed import Listed, listed
from framework.launch.gke.order import Order
from framework.launch.gke.record import RECORD, read_record
from framework.launch.gke.situation import Situation, situation, terminated
from framework.launch.names import worker_identity
from framework.launch.storage import Storage, open_storage
from framework.launch.sweep import Sweep

_ON_ITS_WAY = ("queued", "preempted", "deactivated", "starting", "running")


@dataclass(frozen=True)
class Commands:
    """A sweep here, and on its cluster; its trials are called `7`, or `confirm/1000`."""

    sweep: Sweep
    order: Order
    cluster: Cluster
    storage: Storage

    def status(self, names: Sequence[str]) -> Iterator[str]:
        """A line a trial, from the table, its Workload, JobSet and pods together."""
        seen, chosen = self.cluster.look(self.order.sweep), self._chosen(names)
        width = max([5, *(len(each.name) for each in chosen)])
        for each in chosen:
            now = self._now(each, seen)
            tries = f"{each.row.tries} tries" if each.row.tries != 1 else "1 try"
            yield f"{each.name:>{width}}  {now.state:<11}  {tries:<8}  {now.why}".rstrip()
        for worker in range(self.order.options.workers or 0):
            now = situation(seen, worker_identity(worker).name(self.order.sweep))
            yield f"worker {worker}  {now.state:<11}  {now.why}".rstrip()

    def logs(self, names: Sequence[str], lines: int = 100) -> Iterator[str]:
        """The end of the log of the host that failed first, else of the first."""
        name = self._trains(self._chosen(names)[0])
        if name is None:
            yield f"no worker has trial {names[0]} now"
            return
        seen = self.cluster.look(self.order.sweep)
        pods = seen.pods_of(name)
        if not pods:
            yield f"no pods: {situation(seen, name).why}"
            return
        pod = min(pods, key=_failed_first)["metadata"]["name"]
        yield f"{pod}:"
        yield self.cluster.logs(pod, lines).rstrip()

    def cancel(self, names: Sequence[str]) -> Iterator[str]:
        """Ends trials; a driver that is at work learns of it."""
        seen = self.cluster.look(self.order.sweep)
        for each in self._chosen(names):
            now = self._now(each, seen)
            if now.state not in _ON_ITS_WAY:
                if names:
                    yield f"trial {each.name}: {now.state}, nothing to cancel"
                continue
            cancel(each.run)
            if self.order.options.workers is not None and names:
                yield f"trial {each.name}: cancelled; {self._ask(each)}"
                continue
            self.cluster.delete(self._jobset(each))  # with workers there is none
            yield f"trial {each.name}: cancelled; its pods save and end"
        for worker in range(0 if names else self.order.options.workers or 0):
            self.cluster.delete(worker_identity(worker).name(self.order.sweep))
            yield f"worker {worker}: taken away"

    def retry(self, names: Sequence[str]) -> Iterator[str]:
        """Has Kueue consider again what it put off for good, and the next start what failed.

        Raises:
            InvalidConfig: a driver is at work, which alone may write the table.
        """
        seen, failed = self.cluster.look(self.order.sweep), False
        for each in self._chosen(names):
            now = self._now(each, seen)
            workload = seen.workload(self._jobset(each))
            if now.state == "deactivated" and workload is not None:
                self.cluster.activate(workload["metadata"]["name"])
                yield f"trial {each.name}: Kueue considers it again"
            elif now.state == "failed":
                failed = True
            elif is_cancelled(each.run) and not each.row.ended:
                self._take_back(each)
                yield f"trial {each.name}: cancelled no more"
            elif names:
                yield f"trial {each.name}: {now.state}, nothing to try again"
        if not failed:
            return
        with self.sweep.held():
            for each in self._chosen(names):  # as it is now that nobody writes
                if self._now(each, seen).state == "failed":
                    self.cluster.delete(self._jobset(each))
                    self._take_back(each)
                    each.table.change(each.row.number, state="waiting", message="")
                    yield f"trial {each.name}: waits for the next start of the sweep"

    def fetch(self, names: Sequence[str]) -> Iterator[str]:
        """Brings a run directory, with its checkpoints, from the storage."""
        chosen = self._chosen(names)[0]
        self.storage.collect(chosen.which.folder, chosen.run, checkpoints=True)
        yield str(chosen.run)

    def _chosen(self, names: Sequence[str]) -> list[Listed]:
        """Those of the names; all without any."""
        found = listed(self.sweep)
        known = [each.name for each in found]
        expected = f"one of the {len(known)} trials of {self.sweep.path}"
        wrong = [
            Problem("TRIAL", name, expected, nearest(name, known))
            for name in names
            if name not in known
        ]
        if wrong:
            raise InvalidConfig(*wrong)
        return [each for each in found if each.name in names or not names]

    def _jobset(self, each: Listed) -> str:
        return each.which.name(self.order.sweep)

    def _trains(self, each: Listed) -> str | None:
        """The JobSet whose pods train a trial: its own, or the worker's that has it."""
        workers = self.order.options.workers
        if workers is None:
            return self._jobset(each)
        worker = holder(self.storage, workers, each.which.folder)
        return None if worker is None else worker_identity(worker).name(self.order.sweep)

    def _ask(self, each: Listed) -> str:
        """Asks the run that a worker trains to end, as a pruned one is; what follows of it."""
        asked = {"reason": CANCELLED, "asked": time.time()}
        self.storage.write(self._request(each), json.dumps(asked))
        if self._trains(each) is None:
            return "no worker has it"
        return "it saves and ends after its next evaluation, and its worker goes on with others"

    def _take_back(self, each: Listed) -> None:
        if is_cancelled(each.run) and self.order.options.workers is not None:
            self.storage.remove(self._request(each))
        take_back(each.run)

    def _request(self, each: Listed) -> str:
        return f"{each.which.folder}/{STOP_REQUEST}"

    def _now(self, each: Listed, seen: Seen) -> Situation:
        """What the table says of a trial that has ended, else what the cluster does."""
        row = each.row
        if row.state == "failed":
            return Situation("failed", row.message)
        if row.state in ("done", "pruned"):
            return Situation("done", row.message or row.state)
        now = situation(seen, self._jobset(each))
        if now.state == "absent" and is_cancelled(each.run):
            return Situation("leaving", "cancelled; a driver writes it to the table")
        if now.state == "absent" and self.order.options.workers is not None:
            return Situation("running" if row.state == "running" else "queued", "with a worker")
        return now


def open_sweep(directory: Path) -> Commands:
    """The sweep of a directory, from which trials were submitted.

    Raises:
        InvalidConfig: none were, or the cluster is not known here.
    """
    sweep = Sweep(directory.absolute())
    record = read_record(sweep.path)
    if record is None:
        hint = f"it has no {RECORD}; Slurm's jobs are shown by squeue"
        raise InvalidConfig(Problem("SWEEP", directory, "the directory of a sweep on GKE", hint))
    order = record.order()
    cluster = connect(order.options.namespace, order.options.context)
    storage = open_storage("launch.storage", order.options.address, order.sweep)
    return Commands(sweep, order, cluster, storage)


def _failed_first(pod: Thing) -> tuple[bool, str]:
    """Those that failed come first, by the time of their end."""
    ended = terminated(pod) or {}
    return not ended.get("exitCode"), str(ended.get("finishedAt", ""))
