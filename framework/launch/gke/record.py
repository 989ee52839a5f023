"""What a sweep's directory keeps of its life on the cluster: its name there, and where that is."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.config.build import require
from framework.launch.gke.options import KEY, GkeOptions
from framework.launch.gke.order import Order, check_order, make_order
from framework.launch.names import longest, sweep_name
from framework.launch.slices import parse
from framework.launch.together import together
from framework.run import write_text

RECORD = "gke.json"
# Of `launch`, those that are not GkeOptions.
SHARED = ("slice", "slices", "image", "queue", "max_tries", "max_cost", "dry_run", "retry_failed")


@dataclass(frozen=True)
class Record:
    """A file in the sweep's directory.

    Attributes:
        name: the sweep's, on the cluster: drawn once, so that two sweeps never share it.
        launch: the settings of the last start.
    """

    name: str
    launch: Mapping[str, Any]

    def order(self) -> Order:
        """What its trials ask for.

        Raises:
            InvalidConfig: all that is wrong.
        """
        settings = self.launch
        asked = (
            self.name, settings.get("slice"), settings.get("slices", 1),
            settings.get("image"), settings.get("queue"), settings.get("max_tries", 3),
        )  # fmt: skip
        namespace = settings.get("namespace", "default")
        _, options = together(
            lambda: check_order(*asked, _machine(settings), namespace), lambda: options_of(settings)
        )
        return make_order(*asked, options)

    def write(self, sweep: Path) -> None:
        """Whole or not at all."""
        values = {"name": self.name, "launch": dict(self.launch)}
        write_text(sweep / RECORD, json.dumps(values, indent=2) + "\n")


def read_record(sweep: Path) -> Record | None:
    """Of the sweep in a directory; None where none was submitted from it."""
    try:
        found = json.loads((sweep / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return Record(found["name"], found["launch"])


def new_record(sweep: Path, experiment: str, launch: Mapping[str, Any]) -> Record:
    """The record of a sweep that begins or goes on.

    Raises:
        InvalidConfig: it has another name on the cluster.
    """
    name, before = launch.get("name"), read_record(sweep)
    if before is not None:
        if name not in (None, before.name):
            expected = f"{before.name}, by which its trials are known on the cluster"
            raise InvalidConfig(Problem(f"{KEY}.name", name, expected))
        return Record(before.name, launch)
    if name is not None:
        return Record(str(name), launch)
    try:
        hosts = parse(str(launch.get("slice")), _machine(launch)).hosts
    except InvalidConfig:  # said with all the rest, by the order
        hosts = 1
    slices = launch.get("slices")
    most = longest(slices if isinstance(slices, int) and slices > 0 else 1, hosts)
    return Record(sweep_name(experiment, secrets.token_hex(3), most), launch)


def options_of(launch: Mapping[str, Any]) -> GkeOptions:
    """The settings under `launch` that are this place's own, checked.

    Raises:
        InvalidConfig: all that is wrong with them.
    """
    own = {name: value for name, value in launch.items() if name not in SHARED}
    target = f"{GkeOptions.__module__}.{GkeOptions.__qualname__}"
    options: GkeOptions = require({"_target_": target, **own}, KEY)
    return options


def _machine(launch: Mapping[str, Any]) -> str | None:
    """As it was given, which may be anything."""
    given = launch.get("machine")
    return None if given is None else str(given)
