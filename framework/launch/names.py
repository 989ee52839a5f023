"""Names where trials run: the same trial has the same one, so that it cannot be asked for twice."""

import hashlib
import re
from dataclasses import dataclass

from framework.launch.trial import Trial

LONGEST_LABEL = 63
# A name of a JobSet (DNS-1035), and of most other things (DNS-1123).
NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LABEL = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
JOB = "slice"  # the replicated job
_POD_SUFFIX = 5  # random characters that Kubernetes adds to a pod's name
_LONGEST = 46
_DIGEST = 4
RESERVED = len("-c1000-") + _DIGEST  # for the longest suffix that is usual


@dataclass(frozen=True)
class Identity:
    """What tells a trial, a confirmation or a worker from the others of a sweep.

    Attributes:
        suffix: of its JobSet's name.
        folder: in the sweep's folder in the storage.
    """

    suffix: str
    folder: str

    def name(self, sweep: str) -> str:
        """Of its JobSet."""
        return f"{sweep}-{self.suffix}"


def trial_identity(number: int) -> Identity:
    """Of a trial, by its number."""
    return Identity(f"t{number:04d}", f"trials/{number}")


def worker_identity(number: int) -> Identity:
    """Of a worker, by its number."""
    return Identity(f"w{number:04d}", f"workers/{number}")


def identity(trial: Trial) -> Identity:
    """Of a trial, also where it confirms another one.

    Confirmations are numbered anew when another trial has become the best: a hash of what they
    train keeps them apart.
    """
    folder, name = trial.run.parent.name, trial.run.name
    if folder == "trials":
        return trial_identity(trial.number)
    words = [word for word in trial.overrides if not word.lstrip("+").startswith("run.dir=")]
    digest = hashlib.sha256("\0".join(words).encode()).hexdigest()[:_DIGEST]
    return Identity(f"{folder[0]}{name}-{digest}", f"{folder}/{name}-{digest}")


def longest(slices: int, hosts: int) -> int:
    """How long a JobSet's name may be, so that its pods' names, which are labels, are possible.

    `<JobSet>-slice-<job>-<pod>-<random>` may have 63 characters.
    """
    rest = f"-{JOB}-{slices - 1}-{hosts - 1}-{'x' * _POD_SUFFIX}"
    return min(_LONGEST, LONGEST_LABEL - len(rest))


def sweep_name(experiment: str, drawn: str, longest: int) -> str:
    """A name for a sweep, cut so that trials below 10000 have names within `longest`.

    Args:
        experiment: in whatever characters.
        drawn: a few of a-z and 0-9 that tell it from others of that experiment.
    """
    room = longest - RESERVED - len(drawn) - 1
    words = re.sub(r"[^a-z0-9]+", "-", experiment.lower()).strip("-")
    if not words[:1].isalpha():
        words = f"x{words}"
    return f"{words[:room].rstrip('-')}-{drawn}"
