"""What a trial asks of Cloud TPU, and how the sweep behaves there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from framework.config import InvalidConfig, PositiveFloat, PositiveInt, Problem

KEY = "launch"
_STORAGE = re.compile(r"gs://[a-z0-9][a-z0-9._-]+[a-z0-9](/[\w.=-]+)*/?")
_PROJECT = re.compile(r"[a-z][a-z0-9.:-]*[a-z0-9]")
_ZONE = re.compile(r"[a-z]+-[a-z]+[0-9]+-[a-z]")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class TpuVmOptions:
    """Machines without Kubernetes; slice and slices are `launch.…`, alike for all TPUs.

    Attributes:
        project, zone: of the machines.
        storage: `gs://BUCKET/FOLDER`, where run directories lie; each host mounts it.
        seen_at: where this machine sees the same: a folder, or an address that fsspec knows; null
            for the bucket's own address.
        install: what pip installs on each host, the project first:
            `framework[tpu] @ git+https://…@COMMIT`, a wheel in the mounted storage, …
        runtime_version: the image of the machines; null takes the chip's usual one.
        capacity: what pays for the machines.
        network, subnetwork: null takes the project's default.
        service_account: of the machines: must read and write the storage, and delete them.
        internal_ips: no address of their own in the internet (pip then needs Cloud NAT).
        python: with which the virtual environment is made.
        setup: lines of shell before the trial, as root, on each host.
        environment: further variables of the trial.
        name: of the sweep among the machines' names; null makes one up.
        mount: where the hosts see the storage.
        max_at_once: trials whose machines are asked for or run.
        max_asks: how often in a row machines are asked for again, having been taken away, without a
            step gained.
        poll_seconds: between questions to Google.
    """

    project: str | None = None
    zone: str | None = None
    storage: str | None = None
    seen_at: str | None = None
    install: tuple[str, ...] = ()
    runtime_version: str | None = None
    capacity: Literal["spot", "reservation", "on_demand"] = "on_demand"
    network: str | None = None
    subnetwork: str | None = None
    service_account: str | None = None
    internal_ips: bool = False
    python: str = "python3"
    setup: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    mount: str = "/runs"
    max_at_once: PositiveInt = 4
    max_asks: PositiveInt = 5
    poll_seconds: PositiveFloat = 20.0

    def __post_init__(self) -> None:
        expected = {
            "project": (_PROJECT, "the id of a Google Cloud project"),
            "zone": (_ZONE, "a zone that has these chips, as us-east5-b"),
            "storage": (_STORAGE, "gs://BUCKET/FOLDER, which outlives the machines"),
            "mount": (re.compile(r"(/[\w.-]+)+"), "an absolute path, as /runs"),
        }
        problems = [
            Problem(name, getattr(self, name), words)
            for name, (pattern, words) in expected.items()
            if not pattern.fullmatch(getattr(self, name) or "")
        ]
        if not self.install:
            hint = "for example ['framework[tpu] @ git+https://…@COMMIT']"
            problems.append(Problem("install", [], "what pip installs on the machines", hint))
        problems += [
            Problem(f"environment.{name}", value, "a variable's name: letters, digits and _")
            for name, value in self.environment.items()
            if not _VARIABLE.fullmatch(name)
        ]
        if problems:
            raise InvalidConfig(*problems)

    @property
    def bucket(self) -> str:
        """Its name alone."""
        return (self.storage or "").removeprefix("gs://").split("/")[0]

    @property
    def folder(self) -> str:
        """In the bucket; empty for all of it."""
        return (self.storage or "").removeprefix("gs://").partition("/")[2].strip("/")

    @property
    def address(self) -> str:
        """Where this machine sees the storage."""
        return self.seen_at or (self.storage or "").rstrip("/")
