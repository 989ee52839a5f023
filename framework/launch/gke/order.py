"""What every trial of a sweep asks for, checked together."""

import re
from dataclasses import dataclass

from framework.config import InvalidConfig, Problem
from framework.launch.gke.options import KEY, GkeOptions
from framework.launch.names import LABEL, NAME, RESERVED, longest
from framework.launch.slices import Slice, parse

_IMAGE = re.compile(r"[\w.:/-]+@sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True)
class Order:
    """The slices of a trial, what runs on them, and the queue.

    Attributes:
        sweep: its name on the cluster.
        image: by digest, so that every try of every trial is the same program.
        queue: a LocalQueue of Kueue's in the namespace.
        max_tries: of a trial, exits with 75 and preemptions not counted.
    """

    sweep: str
    slice: Slice
    slices: int
    image: str
    queue: str
    max_tries: int
    options: GkeOptions

    @property
    def chips(self) -> int:
        """Of one trial."""
        return self.slice.chips * self.slices

    @property
    def folder(self) -> str:
        """The sweep's directory as the pods see it."""
        return f"{self.options.mount}/{self.sweep}"


def make_order(
    sweep: str, slice: str | None, slices: int, image: str | None, queue: str | None,
    max_tries: int, options: GkeOptions,
) -> Order:  # fmt: skip
    """The order of `launch.slice`, `launch.slices`, `launch.image`, `launch.queue`.

    Raises:
        InvalidConfig: all that is wrong or missing.
    """
    found = check_order(
        sweep, slice, slices, image, queue, max_tries, options.machine, options.namespace
    )
    return Order(sweep, found, slices, image or "", queue or "", max_tries, options)


def check_order(
    sweep: str, slice: str | None, slices: int, image: str | None, queue: str | None,
    max_tries: int, machine: str | None, namespace: str,
) -> Slice:  # fmt: skip
    """What `launch.slice` names.

    Raises:
        InvalidConfig: all that is wrong or missing.
    """
    problems: list[Problem] = []
    found: Slice | None = None
    try:
        found = parse("null" if slice is None else str(slice), machine)
    except InvalidConfig as error:
        problems += error.problems
    if image is None or not _IMAGE.fullmatch(image):
        expected = "an image by its digest, NAME@sha256:…"
        hint = "a tag may mean another program at the next try; a push prints the digest"
        problems.append(Problem("launch.image", image, expected, hint))
    if queue is None or not LABEL.fullmatch(queue):
        expected = f"a LocalQueue of Kueue's in the namespace {namespace}"
        hint = f"kubectl get localqueues -n {namespace} lists them"
        problems.append(Problem("launch.queue", queue, expected, hint))
    counts = {"slices": slices, "max_tries": max_tries}
    wrong = {name: n for name, n in counts.items() if not _is_count(n)}
    problems += [Problem(f"{KEY}.{name}", n, "a number from 1 on") for name, n in wrong.items()]
    if not wrong and found is not None:
        problems += check_name(sweep, longest(slices, found.hosts))
    if problems or found is None:
        raise InvalidConfig(*problems)
    return found


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def check_name(sweep: str, most: int) -> list[Problem]:
    """What is wrong with a sweep's name, whose trials' names may have `most` characters."""
    most -= RESERVED
    if NAME.fullmatch(sweep) and len(sweep) <= most:
        return []
    expected = f"at most {most} characters of a-z, 0-9 and -, a letter first"
    hint = f"it has {len(sweep)}; pods' names are made of it and may have 63"
    return [Problem(f"{KEY}.name", sweep, expected, hint)]
