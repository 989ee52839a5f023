"""Slurm's own commands: submit, list, cancel. None of them needs an accounting database."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.config import InvalidConfig, Problem

# States in which a job runs, or will.
ALIVE = frozenset(
    (
        "PENDING", "RUNNING", "SUSPENDED", "COMPLETING", "CONFIGURING", "REQUEUED", "REQUEUE_FED",
        "REQUEUE_HOLD", "SPECIAL_EXIT", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED",
        "RESV_DEL_HOLD",
    )
)  # fmt: skip
# What `sbatch` says where the same command may do later.
_LATER = re.compile(
    r"timed? ?out|unable to contact|connection (refused|reset)|temporarily|try again"
    r"|communication|submit ?limit|max ?submit|protocol authentication|zero bytes",
    re.IGNORECASE,
)


class NotNow(Exception):  # noqa: N818
    """The controller does not answer, or takes no more jobs at present."""


@dataclass(frozen=True)
class Job:
    """A job as the controller knows it.

    Attributes:
        indices: within an array: of those that still wait together it has several.
        reason: why it waits, or has ended.
    """

    id: str
    name: str
    state: str
    reason: str = ""
    indices: tuple[int, ...] = ()

    @property
    def alive(self) -> bool:
        """Whether it runs, or will."""
        return self.state in ALIVE


def submit(script: Path) -> str:
    """Queues the script; the job's number.

    Raises:
        NotNow: the same may do later.
        InvalidConfig: the cluster refuses what is asked for, or there is none here.
    """
    said = _run(["sbatch", "--parsable", str(script)])
    return said.strip().split(";")[0]  # the cluster's name may follow


def jobs(names: str) -> list[Job]:
    """All jobs that the controller still knows whose name the pattern `names` matches whole.

    Raises:
        NotNow: it does not answer.
    """
    try:
        text = _run(["scontrol", "--oneliner", "show", "job"])
    except InvalidConfig as error:
        raise NotNow(str(error)) from error
    found = (_parsed(line) for line in text.splitlines() if line.startswith("JobId="))
    return [job for job in found if re.fullmatch(names, job.name)]


def stop(jobs: Sequence[Job], at_once: bool) -> None:
    """Takes back those that wait; those that run save and end, or are killed.

    Raises:
        NotNow: the controller does not answer.
    """
    alive = [job for job in jobs if job.alive]
    running = [job.id for job in alive if job.state == "RUNNING"]
    _cancel([job.id for job in alive if job.id not in running])
    if at_once:
        _cancel(running, "--signal=KILL", "--full")
        _cancel(running)
    else:
        _cancel(running, "--batch", "--signal=TERM")  # the script hands it on, and waits


def _cancel(ids: Sequence[str], *words: str) -> None:
    """`scancel` with further words; a job that is already over is no fault."""
    if not ids:
        return
    done = subprocess.run(["scancel", *words, *ids], text=True, capture_output=True, check=False)
    if done.returncode and _LATER.search(done.stderr):
        raise NotNow(f"scancel: {_line(done.stderr)}")


def _parsed(line: str) -> Job:
    """A line of `scontrol --oneliner show job`: `JobId=7 … JobName=x … JobState=RUNNING …`."""

    def field(name: str) -> str:
        found = re.search(rf"(?:^| ){name}=(\S+)", line)
        return found[1] if found else ""

    reason = field("Reason")
    return Job(
        id=field("JobId"),
        name=field("JobName"),
        state=field("JobState"),
        reason="" if reason == "None" else reason,
        indices=_indices(field("ArrayTaskId")),
    )


def _indices(text: str) -> tuple[int, ...]:
    """Of `0-2,5%3`: 0, 1, 2 and 5."""
    found: list[int] = []
    for part in filter(None, text.split("%", maxsplit=1)[0].split(",")):
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal()):
            return ()
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def _run(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, text=True, capture_output=True, timeout=120, check=False)
    except FileNotFoundError:
        expected = f"a machine where Slurm's `{command[0]}` is"
        hint = "start the sweep on a login node, or choose another launcher"
        raise InvalidConfig(Problem("hydra/launcher", "slurm", expected, hint)) from None
    except subprocess.TimeoutExpired:
        raise NotNow(f"{command[0]} did not answer within two minutes") from None
    if done.returncode == 0:
        return done.stdout
    said = _line(done.stderr)
    if _LATER.search(done.stderr):
        raise NotNow(f"{command[0]}: {said}")
    hint = "see launch.partition, launch.account, launch.time, …"
    raise InvalidConfig(
        Problem("hydra/launcher", "slurm", f"what this cluster takes; {command[0]}: {said}", hint)
    )


def _line(stderr: str) -> str:
    lines = [line for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line] or lines
    return re.sub(r"^\w+: (error: )?", "", errors[0]) if errors else "it failed without a word"
