"""A place that is an array of jobs, each of which pulls one trial after another from a folder."""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from framework.config import InvalidConfig
from framework.launch.place import Ended
from framework.launch.slurm import cluster
from framework.launch.slurm.claims import ENDED, TAKEN, WAITING, WORKERS
from framework.launch.slurm.options import SlurmOptions
from framework.launch.slurm.place import MISTAKE, START_AGAIN, sweep_name
from framework.launch.slurm.script import ARRAY_INDEX, Work, script
from framework.launch.slurm.waiting import GONE, Waiting
from framework.launch.trial import Trial
from framework.run import write_text


@dataclass
class SlurmWorkers:
    """Keeps as many workers as there are trials for, and tells what becomes of the trials.

    Attributes:
        folder: that the workers pull from, which all machines see.
        directory: in which they are started.
    """

    options: SlurmOptions
    folder: Path
    directory: Path
    max_tries: int = 3
    _running: dict[str, Trial] = field(default_factory=dict)  # by the names of their files
    _gone: dict[int, int] = field(default_factory=dict)
    _begun: bool = False
    _refused: str = ""  # what the cluster said to more workers
    _waiting: Waiting = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = Waiting(self.options.poll_seconds)

    @property
    def count(self) -> int:
        """Workers at most."""
        return self.options.workers or 1

    def free(self) -> int:
        """Workers that have no trial, or are not there yet."""
        return 0 if self._waiting.stopping else max(0, self.count - len(self._running))

    def start(self, trials: Sequence[Trial]) -> None:
        """Trials wait for a worker, but for those that one has already.

        Raises:
            InvalidConfig: the cluster refuses the first workers; later, where none is left, the
                trials that wait for one fail.
        """
        for trial in trials:
            name = _file(trial)
            there = [*self.folder.glob(f"{TAKEN}/*/{name}"), self.folder / ENDED / name]
            if not any(path.exists() for path in there):
                asked = {"number": trial.number, "run": str(trial.run), "words": trial.overrides}
                write_text(self.folder / WAITING / name, json.dumps(asked) + "\n")
            self._running[name] = trial
        with self._waiting.patient():
            self._look()

    def wait(self, seconds: float) -> list[Ended]:
        """Tries that ended, waiting that long at most for the first one."""
        return self._waiting.first(seconds, self._look, self._over)

    def stop(self, at_once: bool) -> None:
        """Workers save and end, or are killed; their trials stay theirs for the next start."""
        self._waiting.stop()
        with self._waiting.patient():
            cluster.stop(self._jobs(), at_once)

    def _jobs(self) -> list[cluster.Job]:
        return cluster.jobs(re.escape(self._name))

    @property
    def _name(self) -> str:
        return f"{sweep_name(self.folder.parent.absolute())}-workers"

    def _look(self) -> bool:
        """Asks the controller which workers live; more of them where trials wait."""
        alive = [job for job in self._jobs() if job.alive]
        workers = {index for job in alive for index in job.indices}
        self._begun = self._begun or bool(workers)
        for worker in range(self.count):
            self._gone[worker] = 0 if worker in workers else self._gone.get(worker, 0) + 1
        if self._waiting.stopping:
            cluster.stop(alive, at_once=False)
            return True
        wanted = min(self.count, len(self._running)) - len(workers)
        # Not those that were lost with a trial, before that is told.
        missing = [w for w in range(self.count) if w not in workers and not self._taken_by(w)]
        if wanted > 0 and missing:
            self._submit(missing[:wanted])
        return True

    def _submit(self, workers: Sequence[int]) -> None:
        own = self.folder.absolute() / WORKERS
        for worker in workers:
            (own / str(worker)).mkdir(parents=True, exist_ok=True)
            (own / str(worker) / "without").unlink(missing_ok=True)
        options = self.options
        command = (
            sys.executable, "-m", "framework.launch.slurm.pull", str(self.folder.absolute()),
            ARRAY_INDEX, f"--tasks={options.tasks_per_trial}", f"--idle={options.idle_seconds:g}",
            *(() if options.cpus is None else (f"--cpus={options.cpus}",)),
        )  # fmt: skip
        work = Work(
            self._name, command, own / ARRAY_INDEX, own / ARRAY_INDEX / "progress",
            self.directory.absolute(), options.tasks_per_trial, tasks=0,
            array=",".join(map(str, workers)),
        )  # fmt: skip
        file = self.folder / "workers.sh"
        file.write_text(script(options, work, self.max_tries))
        try:
            cluster.submit(file)
        except InvalidConfig as error:
            if not self._begun:
                raise
            self._refuse("; ".join(str(error).splitlines()))
            return
        self._begun, self._refused = True, ""
        for worker in workers:
            self._gone[worker] = 0

    def _refuse(self, said: str) -> None:
        if said != self._refused and not self._none_left():
            self._waiting.say(f"{said}; the workers that are there go on.")
        self._refused = said

    def _over(self) -> list[Ended]:
        ended = []
        for file in sorted((self.folder / ENDED).glob("*.json")):
            found = json.loads(file.read_text())
            file.unlink()
            trial = self._running.pop(file.name, None)
            if trial is not None:
                device = f"Slurm {found['nodes']}".strip()
                ended.append(Ended(trial.number, found["code"], found["message"], device,
                                   found["seconds"]))  # fmt: skip
        lost = [path for worker in self._lost() for path in self._taken_by(worker)]
        code: int | None
        code, message = None, "its worker is gone"
        if self._waiting.stopping:
            code, message = START_AGAIN, ""
            lost += (self.folder / WAITING).glob("*.json")
        elif self._refused and self._none_left():
            for path in sorted((self.folder / WAITING).glob("*.json")):
                ended += self._withdrawn(path, MISTAKE, self._refused)
        for path in lost:
            ended += self._withdrawn(path, code, message)
        return ended

    def _withdrawn(self, path: Path, code: int | None, message: str) -> list[Ended]:
        """A trial that no worker will bring to its end."""
        try:
            path.unlink()
        except FileNotFoundError:  # a worker has it by now
            return []
        trial = self._running.pop(path.name, None)
        return [] if trial is None else [Ended(trial.number, code, message, "Slurm")]

    def _none_left(self) -> bool:
        """Whether the controller knows of no worker that lives."""
        return all(self._gone.values())

    def _lost(self) -> list[int]:
        return [worker for worker, times in self._gone.items() if times >= GONE]

    def _taken_by(self, worker: int) -> list[Path]:
        return list((self.folder / TAKEN / str(worker)).glob("*.json"))


def _file(trial: Trial) -> str:
    """Trials and confirmations are numbered apart."""
    return f"{trial.run.parent.name}-{trial.number:06}.json"
