"""What a checkpoint says beside its arrays; read without importing Orbax."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from framework.manifest import MANIFEST

ITEM = "record"


@dataclass(frozen=True)
class Record:
    """`leaves`: type and shape of each array of the state; `extra`: the caller's JSON (data
    position, best so far); `metrics`: what the checkpoint is ranked by.
    """

    step: int
    leaves: Mapping[str, str]
    extra: Mapping[str, Any]
    metrics: Mapping[str, float]

    def json(self) -> dict[str, Any]:
        """As Orbax's JSON handler takes it."""
        return asdict(self)


def read_record(checkpoint: Path) -> Record:
    """The record of the checkpoint in this directory. Raises OSError, ValueError, TypeError."""
    # Orbax's JSON handler calls its file `metadata`.
    return Record(**json.loads((checkpoint / ITEM / "metadata").read_text(encoding="utf-8")))


def step_directories(directory: Path) -> dict[int, Path]:
    """Committed checkpoints below `directory`, whole or not, by rising step."""
    if not directory.is_dir():
        return {}
    found = {int(p.name): p for p in directory.iterdir() if p.name.isdecimal() and p.is_dir()}
    return dict(sorted(found.items()))


def is_finished(checkpoint: Path) -> bool:
    """Whether the checkpoint's manifest, which is written last, is there."""
    return (checkpoint / MANIFEST).is_file()
