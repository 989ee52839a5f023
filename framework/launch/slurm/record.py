"""What a job left of itself in the folder `slurm` of its run directory."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from framework.launch.place import Ended
from framework.launch.slurm.script import ERRORS, EXIT, STARTS

OVER = (0, 1, 2)  # codes after which a job is never queued again
REPORTED = "reported.json"
_TAIL = 65536  # bytes
_START = re.compile(r"^Job \d+, start \d+\n", re.MULTILINE)
_LABEL = re.compile(r"^\s*\d+: ")
_CHATTER = re.compile(r"^(srun|slurmstepd\S*): ")


@dataclass(frozen=True)
class Start:
    """One start of a job, as its script wrote it down.

    Attributes:
        asked: the signal that it was sent: USR2, TERM or nothing.
        step: the newest checkpoint at its end.
    """

    job: str
    restart: int
    code: int
    asked: str
    step: int
    seconds: int
    nodes: str


def left(folder: Path) -> Start | None:
    """How the job ended; None where it has not, or was ended without a word."""
    try:
        return Start(**json.loads((folder / EXIT).read_text()))
    except (FileNotFoundError, json.JSONDecodeError, TypeError):
        return None


def starts(folder: Path) -> list[Start]:
    """All starts that came to an end of their own, oldest first."""
    try:
        lines = (folder / STARTS).read_text().splitlines()
    except FileNotFoundError:
        return []
    return [Start(**json.loads(line)) for line in lines if line.endswith("}")]


def ended(number: int, folder: Path, job: str, said: str) -> Ended:
    """The try as the driver is told of it, once: what tells of it is put aside.

    Args:
        said: by Slurm of the job, in place of a message of the trial's own.
    """
    found = left(folder)
    if found is not None:
        (folder / EXIT).replace(folder / REPORTED)
    own = [start for start in starts(folder) if start.job == job]
    code = found.code if found else None
    message = "" if code == 0 else (found and last_words(folder)) or said
    nodes = own[-1].nodes if own else ""
    return Ended(
        number, code, message, f"Slurm {nodes}".strip(), float(sum(s.seconds for s in own))
    )


def last_words(folder: Path) -> str:
    """What the last start said that tells most."""
    try:
        with (folder / ERRORS).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return said(_START.split(text)[-1])


def said(text: str) -> str:
    """What tells most of stderr: the mistakes in a configuration, or the last line."""
    lines = [_LABEL.sub("", line) for line in text.splitlines()]
    plain = [line for line in lines if line.strip() and not _CHATTER.match(line)]
    mistakes = dict.fromkeys(
        line.strip() for line in plain if line.startswith("  ") and ": expected" in line
    )
    return "; ".join(mistakes)[:500] or (plain[-1].strip()[:500] if plain else "")
