"""What a trial asks of Slurm, and how the sweep behaves there."""

from dataclasses import dataclass

from framework.config import InvalidConfig, NonNegativeInt, PositiveFloat, PositiveInt, Problem

KEY = "launch"
_DOUBTFUL = 3600  # from here on a number may be an h:mm:ss that YAML has read as seconds


@dataclass(frozen=True)
class SlurmOptions:
    """Resources of a trial, in Slurm's own units, and the sweep's manners.

    Attributes:
        partition, account, qos: as `sbatch` takes them; null leaves them to the cluster.
        time: of a job, as `sbatch --time` takes it (`30` minutes, `4:00:00`, `2-12`). A job that
            runs out of it is warned, saves, and is queued again: it bounds a job, not a trial.
        gpus: on each node.
        cpus: of each task.
        memory: on each node, as `64G`.
        nodes: of a trial.
        tasks_per_trial: processes of one trial, which find each other and share its mesh.
        workers: so many jobs of one array pull trials, each one trial after another; null makes a
            job for each trial.
        idle_seconds: without a trial to pull, after which a worker gives its machine back.
        signal_seconds: before the end of a job's time or its preemption, at which it is warned.
        max_at_once: jobs of this sweep that are queued or run.
        poll_seconds: between questions to the controller.
        setup: lines of shell before the trial (`module load cuda`, `source …/activate`).
        sbatch: further words for `sbatch` (`--constraint=a100`, `--exclude=node7`).
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    time: NonNegativeInt | str | None = None
    gpus: NonNegativeInt = 0
    cpus: PositiveInt | None = None
    memory: str | None = None
    nodes: PositiveInt = 1
    tasks_per_trial: PositiveInt = 1
    workers: PositiveInt | None = None
    idle_seconds: PositiveFloat = 120.0
    signal_seconds: PositiveInt = 60
    max_at_once: PositiveInt = 100
    poll_seconds: PositiveFloat = 10.0
    setup: tuple[str, ...] = ()
    sbatch: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = [
            Problem(name, value, "one line of text", "it becomes a line of the script")
            for name in ("partition", "account", "qos", "time", "memory")
            if isinstance(value := getattr(self, name), str) and not _is_a_line(value)
        ]
        if isinstance(self.time, int) and self.time >= _DOUBTFUL:
            problems.append(_doubtful(self.time))
        problems += [
            Problem("sbatch", word, "one option in one word, as --constraint=a100")
            for word in self.sbatch
            if not (word.startswith("-") and _is_a_line(word))
        ]
        if self.tasks_per_trial % self.nodes:
            expected = f"a multiple of nodes={self.nodes}"
            hint = "each node runs as many of a trial's processes"
            problems.append(Problem("tasks_per_trial", self.tasks_per_trial, expected, hint))
        if problems:
            raise InvalidConfig(*problems)


def _is_a_line(text: str) -> bool:
    return bool(text) and text.isprintable()


def _doubtful(time: int) -> Problem:
    """Of a number that is so many minutes, or an h:mm:ss without quotes in a file."""
    as_seconds = f"{time // 3600}:{time // 60 % 60:02}:{time % 60:02}"
    as_minutes = f"{time // 1440}-{time // 60 % 24:02}:{time % 60:02}"
    expected = f"minutes below {_DOUBTFUL}, or a text as sbatch takes it"
    hint = f'a file needs quotes, time: "{as_seconds}"; so many minutes are {as_minutes}'
    return Problem("time", time, expected, hint)
