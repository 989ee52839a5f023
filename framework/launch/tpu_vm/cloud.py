"""gcloud, run: what it says of queued resources, and of a command that failed."""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from framework.config import InvalidConfig, Problem

COMING = frozenset(("ACCEPTED", "CREATING", "WAITING_FOR_RESOURCES", "PROVISIONING"))
ACTIVE = "ACTIVE"
DELETING = "DELETING"
TAKEN = "SUSPENDED"
FAILED = "FAILED"
_LATER = re.compile(
    r"UNAVAILABLE|INTERNAL:|DEADLINE_EXCEEDED|RESOURCE_EXHAUSTED|rate ?limit|quota|timed out"
    r"|connection|temporar|try again|503|500|429",
    re.IGNORECASE,
)
_AS_WANTED = re.compile(r"ALREADY_EXISTS|NOT_FOUND.*queuedResources/")
_SECONDS = 300


class NotNow(Exception):  # noqa: N818
    """The same command may do later; one line."""


class Refused(Exception):  # noqa: N818
    """What was asked for is not to be had; one line."""


@dataclass(frozen=True)
class Queued:
    """A queued resource.

    Attributes:
        state: WAITING_FOR_RESOURCES, PROVISIONING, ACTIVE, FAILED, SUSPENDING, SUSPENDED, ….
        said: of a failure.
    """

    name: str
    state: str
    said: str = ""


def run(command: Sequence[str]) -> str:
    """Its stdout. What is there already is no fault, nor what is gone already.

    Raises:
        NotNow, Refused: it failed.
        InvalidConfig: gcloud is not here.
    """
    try:
        done = subprocess.run(
            command, text=True, capture_output=True, check=False, timeout=_SECONDS
        )
    except FileNotFoundError:
        expected = "a machine that has gcloud"
        hint = "https://cloud.google.com/sdk/docs/install, then gcloud auth login"
        raise InvalidConfig(Problem("hydra/launcher", "tpu_vm", expected, hint)) from None
    except subprocess.TimeoutExpired:
        raise NotNow(f"gcloud did not answer within {_SECONDS} s") from None
    if done.returncode == 0 or _AS_WANTED.search(done.stderr):
        return done.stdout
    line = _line(done.stderr)
    raise (NotNow if _LATER.search(done.stderr) else Refused)(line)


def read(listed: str) -> dict[str, Queued]:
    """Queued resources by name, from the JSON of `list`."""
    found = (_queued(each) for each in json.loads(listed or "[]"))
    return {each.name: each for each in found}


def _queued(each: dict[str, Any]) -> Queued:
    state = each.get("state", {})
    error = state.get("failedData", {}).get("error", {})
    said = next(iter(str(error.get("message", "")).splitlines()), "")
    return Queued(each["name"].rpartition("/")[2], state.get("state", ""), said)


def _line(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    found = next((line for line in lines if line.startswith("ERROR")), None)
    said = found or (lines[-1] if lines else "gcloud failed without a word")
    return re.sub(r"^ERROR: (\(gcloud[\w.-]*\) )?", "", said)
