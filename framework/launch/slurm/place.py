"""A place that makes a job of Slurm of each trial."""

import hashlib
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from framework.config import InvalidConfig
from framework.launch.place import Ended
from framework.launch.slurm import cluster, record
from framework.launch.slurm.options import SlurmOptions
from framework.launch.slurm.script import RECORD, Work, script
from framework.launch.slurm.waiting import GONE, Waiting
from framework.launch.trial import Trial

JOB, SCRIPT = "job.id", "job.sh"
START_AGAIN, MISTAKE = 75, 2
CANCELLED = 130  # by a person: not to be started again


@dataclass
class _Running:
    trial: Trial
    job: str
    state: str = ""
    gone: int = 0


@dataclass
class SlurmJobs:
    """Queues a job for each trial and waits for what it leaves in the run directory.

    A job queues itself again when it is warned, so a trial may have several machines one after
    another and still be one try here. It runs on when the driver ends, and the next driver takes
    it over by its name.

    Attributes:
        directory: in which trials are started.
        max_tries: starts in a row without a gained step after which a job gives up.
    """

    options: SlurmOptions
    directory: Path
    max_tries: int = 3
    python: str = sys.executable
    _running: dict[int, _Running] = field(default_factory=dict)
    _backlog: list[Trial] = field(default_factory=list)
    _ended: list[Ended] = field(default_factory=list)
    _begun: bool = False
    _waiting: Waiting = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = Waiting(self.options.poll_seconds)

    def free(self) -> int:
        """How many jobs may still be queued."""
        if self._backlog or self._waiting.stopping:
            return 0
        return max(0, self.options.max_at_once - len(self._running))

    def start(self, trials: Sequence[Trial]) -> None:
        """Queues trials, but for those that a job of an earlier driver still runs.

        Raises:
            InvalidConfig: the cluster refuses the first that is asked for; later ones fail.
        """
        self._backlog += trials
        with self._waiting.patient():  # in the backlog until the controller takes them
            self._submit()

    def wait(self, seconds: float) -> list[Ended]:
        """Tries that ended, waiting that long at most for the first one."""
        return self._waiting.first(seconds, self._ask, self._over)

    def stop(self, at_once: bool) -> None:
        """Jobs that wait are taken back; those that run save and end, or are killed."""
        self._waiting.stop()
        self._ended += [
            Ended(trial.number, START_AGAIN, "not queued yet") for trial in self._backlog
        ]
        self._backlog.clear()
        with self._waiting.patient():  # `wait` goes on with it
            cluster.stop(self._mine(self._jobs()), at_once)

    def _submit(self) -> None:
        if not self._backlog:
            return
        there = {job.name: job.id for job in self._jobs() if job.alive}
        while self._backlog:
            trial = self._backlog[0]
            try:
                self._start(trial, there.get(job_name(trial)))
            except InvalidConfig as error:
                if not self._begun:
                    raise
                said = "; ".join(str(error).splitlines())
                self._ended.append(Ended(trial.number, MISTAKE, said, "Slurm"))
            self._begun = True
            del self._backlog[0]

    def _start(self, trial: Trial, taken_over: str | None) -> None:
        folder = trial.run / RECORD
        over = record.left(folder)  # of an earlier driver, which did not hear of it
        job = taken_over or (over.job if over else None) or self._queue(trial, folder)
        (folder / JOB).write_text(job)
        self._running[trial.number] = _Running(trial, job)

    def _queue(self, trial: Trial, folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "without").unlink(missing_ok=True)
        command = (self.python, "-m", "experiments.run", *trial.overrides)
        work = Work(
            job_name(trial), command, folder.absolute(), trial.run.absolute() / "checkpoints",
            self.directory.absolute(), self.options.tasks_per_trial, self.options.tasks_per_trial,
        )  # fmt: skip
        file = folder / SCRIPT
        file.write_text(script(self.options, work, self.max_tries))
        return cluster.submit(file)

    def _jobs(self) -> list[cluster.Job]:
        known = [each.trial for each in self._running.values()] + self._backlog
        return cluster.jobs("|".join(map(re.escape, map(job_name, known)))) if known else []

    def _ask(self) -> bool:
        """Asks the controller which jobs are gone; queues what it did not take."""
        self._submit()
        found = self._jobs()
        known = {job.id: job for job in found}
        for each in self._running.values():
            job = known.get(each.job)
            each.state = job.state if job is not None else each.state
            each.gone = 0 if job is not None and job.alive else each.gone + 1
        if self._waiting.stopping:
            cluster.stop(self._mine(found), at_once=False)
        return bool(self._running)

    def _mine(self, found: Sequence[cluster.Job]) -> list[cluster.Job]:
        mine = {each.job for each in self._running.values()}
        return [job for job in found if job.id in mine]

    def _over(self) -> list[Ended]:
        ended, self._ended = self._ended, []
        for number, each in list(self._running.items()):
            folder = each.trial.run / RECORD
            found = record.left(folder)
            final = found is not None and found.code in record.OVER
            if final or each.gone >= (1 if found else GONE):
                said = f"Slurm's job {each.job} ended without a word, see {folder}"
                known = record.ended(number, folder, each.job, said)
                if not final and each.state == "CANCELLED" and not self._waiting.stopping:
                    known = replace(known, code=CANCELLED, message="cancelled in Slurm")
                elif known.code is None and self._waiting.stopping:
                    known = replace(known, code=START_AGAIN, message="taken back")
                ended.append(known)
                del self._running[number]
        return ended


def job_name(trial: Trial) -> str:
    """A trial's own, wherever its run is: `<sweep's name>-<trials or confirmations>-7`."""
    folder = trial.run.absolute().parent
    return f"{sweep_name(folder.parent)}-{folder.name}-{trial.run.name}"


def sweep_name(sweep: Path) -> str:
    """A sweep's own, by its path."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", sweep.name)[:40]
    path = hashlib.sha256(str(sweep).encode()).hexdigest()[:8]
    return f"{plain}-{path}"
