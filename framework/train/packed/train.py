"""Many trainings at once: those of one program as rows of it, the others one after another."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import jax

from framework.checkpoint import Checkpoints
from framework.config import InvalidConfig, Problem
from framework.parallel import build_mesh
from framework.run import SUMMARY
from framework.train.bad_steps import passed_over, read_bad_steps
from framework.train.faults import START_AGAIN
from framework.train.packed.alike import alone, convolutions, kind, obstacle, together
from framework.train.packed.job import End, Job, Tell
from framework.train.packed.members import Members, directory_of
from framework.train.packed.told import told
from framework.train.program import Program
from framework.train.run import configure_jax, run


def train_packed(
    jobs: Sequence[Job],
    tell: Tell | None = None,
    limit: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    *,
    forced: bool = True,
) -> list[End]:
    """Trains every job to its end, in this process, and gives how each ended.

    Jobs whose programs are the same but for values are rows of one program over the devices. What
    cannot be a row is trained alone afterwards: a single one of its kind, and one that goes back
    to a checkpoint and passes over a batch.

    Args:
        tell: called as soon as a job has ended, with its number in `jobs`.
        limit: bytes of memory on each device; None: most of what the devices say they have.
        devices: None: all of this process.
        forced: a job that can be no row is refused; else it is trained alone.

    Raises:
        InvalidConfig: a job is refused; nothing was started.
    """
    configure_jax(jobs[0].experiment.trainer)
    whole = _Whole(jobs, tuple(devices or jax.devices()), tell, limit)
    kinds = list(whole.kinds(forced=forced).values())
    code = next((code for numbers in kinds if (code := whole.train(numbers))), 0)
    for number in range(len(jobs)):
        if number in whole.ends:
            continue
        if code:  # of a signal, or of a device that cannot go on
            whole.end(number, End(START_AGAIN, "it was not begun"))
        elif whole.train_alone(number) == START_AGAIN:
            code = START_AGAIN
    return [whole.ends[number] for number in range(len(jobs))]


@dataclass
class _Whole:
    """All jobs, the programs of their rows, and how those that are over ended."""

    jobs: Sequence[Job]
    devices: tuple[jax.Device, ...]
    tell: Tell | None
    limit: int | None
    ends: dict[int, End] = field(default_factory=dict)
    programs: dict[int, Program] = field(default_factory=dict)

    def kinds(self, *, forced: bool) -> dict[Hashable, list[int]]:
        """The numbers of the jobs that can be rows of one program; of those that can be no row
        none, but where they are `forced`.

        Raises:
            InvalidConfig: one can be no row.
        """
        problems: list[Problem] = []
        kinds: dict[Hashable, list[int]] = {}
        for number, job in enumerate(self.jobs):
            found = obstacle(job.experiment)
            if found is None:
                experiment = alone(job.experiment)
                mesh = build_mesh(experiment.mesh)
                with jax.set_mesh(mesh):
                    program = experiment.program(experiment.network(), mesh)
                    its_kind = kind(job, program)
                    if its_kind not in kinds:
                        found = convolutions(experiment, program)
            if found is not None:
                problems.append(found)
                continue
            self.programs[number] = program
            kinds.setdefault(its_kind, []).append(number)
        if problems and forced:
            raise InvalidConfig(*dict.fromkeys(problems))
        return kinds

    def train(self, numbers: Sequence[int]) -> int:
        """Jobs of one kind, in packs of rows that have come equally far; see `Members.train`."""
        left = [number for number in numbers if not self._is_over(number)]
        left = [number for number in left if not _goes_its_own_way(self.jobs[number])]
        saved = [_checkpoints(self.jobs[number]).steps() for number in left]
        every = self.jobs[numbers[0]].experiment.checkpoint.every
        for step, places in together(saved, every).items():
            of = {left[place]: self.jobs[left[place]] for place in places}
            programs = {number: self.programs[number] for number in of}
            members = Members(of, programs, self.devices, step, self.end, self.limit)
            if code := members.train():
                return code
        return 0

    def train_alone(self, number: int) -> int:
        """As `framework.train.run` does it; returns the exit code."""
        job = self.jobs[number]
        code, said = told(lambda: run(job.experiment, job.config, job.overrides))
        self.end(number, End(code, said if code else ""))
        return code

    def _is_over(self, number: int) -> bool:
        """Whether the run is complete already."""
        job = self.jobs[number]
        directory = directory_of(job)
        complete = (directory.read_json(SUMMARY) or {}).get("complete")
        if not complete or directory.changes(job.config):
            return False
        self.end(number, End(0))
        return True

    def end(self, number: int, end: End) -> None:
        """Notes and tells it."""
        self.ends[number] = end
        if self.tell is not None:
            self.tell(number, end)


def _goes_its_own_way(job: Job) -> bool:
    """Whether a run left batches out, or has its checkpoints elsewhere only."""
    if passed_over(read_bad_steps(directory_of(job))):
        return True
    checkpoints = _checkpoints(job)
    return checkpoints.anything() and not checkpoints.steps()


def _checkpoints(job: Job) -> Checkpoints:
    return Checkpoints(directory_of(job).checkpoints, job.experiment.checkpoint)
