"""What `scripts/launch.py` does: each command gives lines for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.config import InvalidConfig, Problem
from framework.launch.gke.cluster import Cluster, Seen, Thing
from framework.launch.gke.kubernetes_cluster import connect
from framework.launch.gke.names import trial_identity, worker_identity
from framework.launch.gke.order import Order
from framework.launch.gke.place import CANCELLED
from framework.launch.gke.record import RECORD, read_record
from framework.launch.gke.situation import Situation, situation, terminated
from framework.launch.storage import Storage, open_storage
from framework.launch.sweep import Sweep
from framework.launch.table import Row

_ON_ITS_WAY = ("queued", "preempted", "deactivated", "starting", "running")


@dataclass(frozen=True)
class Commands:
    """A sweep here, and on its cluster."""

    sweep: Sweep
    order: Order
    cluster: Cluster
    storage: Storage

    def status(self, numbers: Sequence[int]) -> Iterator[str]:
        """A line a trial, from the table, its Workload, JobSet and pods together."""
        seen = self.cluster.look(self.order.sweep)
        for row in self._rows(numbers):
            now = self._now(row, seen)
            tries = f"{row.tries} tries" if row.tries != 1 else "1 try"
            yield f"{row.number:5}  {now.state:<11}  {tries:<8}  {now.why}".rstrip()
        for worker in range(self.order.options.workers or 0):
            now = situation(seen, worker_identity(worker).name(self.order.sweep))
            yield f"worker {worker}  {now.state:<11}  {now.why}".rstrip()

    def logs(self, numbers: Sequence[int], lines: int = 100) -> Iterator[str]:
        """The end of the log of the host that failed first, else of the first."""
        number = self._rows(numbers)[0].number
        seen = self.cluster.look(self.order.sweep)
        name = trial_identity(number).name(self.order.sweep)
        pods = seen.pods_of(name)
        if not pods:
            yield f"no pods: {situation(seen, name).why}"
            return
        pod = min(pods, key=_failed_first)["metadata"]["name"]
        yield f"{pod}:"
        yield self.cluster.logs(pod, lines).rstrip()

    def cancel(self, numbers: Sequence[int]) -> Iterator[str]:
        """Ends trials; a driver that is at work learns of it."""
        seen = self.cluster.look(self.order.sweep)
        for row in self._rows(numbers):
            now = self._now(row, seen)
            if now.state not in _ON_ITS_WAY:
                if numbers:
                    yield f"trial {row.number}: {now.state}, nothing to cancel"
                continue
            run = self.sweep.trials / str(row.number)
            run.mkdir(parents=True, exist_ok=True)
            (run / CANCELLED).touch()
            self.cluster.delete(trial_identity(row.number).name(self.order.sweep))
            yield f"trial {row.number}: cancelled; its pods save and end"
        for worker in range(0 if numbers else self.order.options.workers or 0):
            self.cluster.delete(worker_identity(worker).name(self.order.sweep))
            yield f"worker {worker}: taken away"

    def retry(self, numbers: Sequence[int]) -> Iterator[str]:
        """Has Kueue consider again what it put off for good, and the next start what failed.

        Raises:
            InvalidConfig: a driver is at work, which alone may write the table.
        """
        seen, failed = self.cluster.look(self.order.sweep), []
        for row in self._rows(numbers):
            now = self._now(row, seen)
            workload = seen.workload(trial_identity(row.number).name(self.order.sweep))
            if now.state == "deactivated" and workload is not None:
                self.cluster.activate(workload["metadata"]["name"])
                yield f"trial {row.number}: Kueue considers it again"
            elif now.state == "failed":
                failed.append(row.number)
            elif numbers:
                yield f"trial {row.number}: {now.state}, nothing to try again"
        if not failed:
            return
        with self.sweep.held():
            table = self.sweep.table()
            for number in failed:
                self.cluster.delete(trial_identity(number).name(self.order.sweep))
                (self.sweep.trials / str(number) / CANCELLED).unlink(missing_ok=True)
                table.change(number, state="waiting", message="")
                yield f"trial {number}: waits for the next start of the sweep"

    def fetch(self, numbers: Sequence[int]) -> Iterator[str]:
        """Brings a run directory, with its checkpoints, from the storage."""
        number = self._rows(numbers)[0].number
        run = self.sweep.trials / str(number)
        self.storage.collect(trial_identity(number).folder, run, checkpoints=True)
        yield str(run)

    def _rows(self, numbers: Sequence[int]) -> list[Row]:
        rows = list(self.sweep.table())
        known = {row.number for row in rows}
        wrong = [number for number in numbers if number not in known]
        if wrong:
            expected = f"a trial of {self.sweep.path}, {len(rows)} of them from 0"
            raise InvalidConfig(*(Problem("TRIAL", number, expected) for number in wrong))
        return [row for row in rows if row.number in numbers or not numbers]

    def _now(self, row: Row, seen: Seen) -> Situation:
        """What the table says of a trial that has ended, else what the cluster does."""
        if row.state == "failed":
            return Situation("failed", row.message)
        if row.state in ("done", "pruned"):
            return Situation("done", row.message or row.state)
        now = situation(seen, trial_identity(row.number).name(self.order.sweep))
        if now.state == "absent" and self.order.options.workers is not None:
            return Situation("running" if row.state == "running" else "queued", "with a worker")
        return now


def open_sweep(directory: Path) -> Commands:
    """The sweep of a directory, from which trials were submitted.

    Raises:
        InvalidConfig: none were, or the cluster is not known here.
    """
    record = read_record(directory)
    if record is None:
        hint = f"it has no {RECORD}; Slurm's jobs are shown by squeue"
        raise InvalidConfig(Problem("SWEEP", directory, "the directory of a sweep on GKE", hint))
    order = record.order()
    cluster = connect(order.options.namespace, order.options.context)
    storage = open_storage("launch.storage", order.options.address, order.sweep)
    return Commands(Sweep(directory), order, cluster, storage)


def _failed_first(pod: Thing) -> tuple[bool, str]:
    """Those that failed come first, by the time of their end."""
    ended = terminated(pod) or {}
    return not ended.get("exitCode"), str(ended.get("finishedAt", ""))
