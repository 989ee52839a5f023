"""Names on the cluster: the same trial has the same one, so that it cannot be submitted twice."""

import re

LONGEST_LABEL = 63
# A name of a JobSet (DNS-1035), and of most other things (DNS-1123).
NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LABEL = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?")
JOB = "slice"  # the replicated job
_POD_SUFFIX = 5  # random characters that Kubernetes adds to a pod's name
_LONGEST = 46


def trial_name(sweep: str, number: int) -> str:
    """The JobSet of a trial."""
    return f"{sweep}-t{number:04d}"


def worker_name(sweep: str, number: int) -> str:
    """The JobSet of a worker."""
    return f"{sweep}-w{number:04d}"


def number_of(name: str) -> int:
    """Of a trial, or a worker, by its JobSet's name."""
    return int(name.rpartition("-")[2][1:])


def longest(slices: int, hosts: int) -> int:
    """How long a JobSet's name may be, so that its pods' names, which are labels, are possible.

    `<JobSet>-slice-<job>-<pod>-<random>` may have 63 characters.
    """
    rest = f"-{JOB}-{slices - 1}-{hosts - 1}-{'x' * _POD_SUFFIX}"
    return min(_LONGEST, LONGEST_LABEL - len(rest))


def sweep_name(experiment: str, identity: str, longest: int) -> str:
    """A name for a sweep, cut so that trials below 10000 have names within `longest`.

    Args:
        experiment: in whatever characters.
        identity: a few of a-z and 0-9 that tell it from others of that experiment.
    """
    room = longest - len(trial_name("", 0)) - len(identity) - 1
    words = re.sub(r"[^a-z0-9]+", "-", experiment.lower()).strip("-")
    if not words[:1].isalpha():
        words = f"x{words}"
    return f"{words[:room].rstrip('-')}-{identity}"
