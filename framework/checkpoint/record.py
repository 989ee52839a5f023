"""What a checkpoint says beside its arrays; read without importing Orbax."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from framework.checkpoint.options import CheckpointOptions
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


def extra_of(checkpoint: Path) -> Mapping[str, Any] | None:
    """The `extra` of a checkpoint; None where it is damaged, which is found when it is verified.

    Raises OSError where it cannot be read.
    """
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
        return read_record(checkpoint).extra
    return None


def step_directories(directory: Path) -> dict[int, Path]:
    """Committed checkpoints below `directory`, whole or not, by rising step.

    Names that no save gives (`007`, `٣`) are no steps. `directory` may be a path of `etils.epath`.
    """
    if not directory.is_dir():
        return {}
    names = {p.name: p for p in directory.iterdir()}
    steps = [int(name) for name in names if name.isdecimal() and name == str(int(name))]
    return {step: path for step in sorted(steps) if (path := names[str(step)]).is_dir()}


def is_finished(checkpoint: Path) -> bool:
    """Whether the checkpoint's manifest, which is written last, is there."""
    return (checkpoint / MANIFEST).exists()


def finished_steps(directory: Path) -> list[int]:
    """Steps of the finished checkpoints below `directory`, rising."""
    return [step for step, path in step_directories(directory).items() if is_finished(path)]


def score_of(checkpoint: Path, options: CheckpointOptions) -> float | None:
    """The number that ranks this checkpoint; None where it has none, or where it is damaged.

    Raises OSError where it cannot be read, which must not make it worse than others.
    """
    if options.metric is None:
        return None
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
        return options.score(read_record(checkpoint).metrics)
    return None
