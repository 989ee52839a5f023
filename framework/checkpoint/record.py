"""What a checkpoint says beside its arrays; read without importing Orbax."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from framework.checkpoint.failures import CheckpointDamaged, shown
from framework.checkpoint.options import CheckpointOptions
from framework.manifest import BLOCK, MANIFEST, read_manifest

ITEM = "record"
_FILE = f"{ITEM}/metadata"  # as Orbax's JSON handler calls it


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
    """The record of the checkpoint in this directory (a path of `etils.epath` will do), compared
    with its hash: it decides whether a run goes on before the whole is verified.

    Raises OSError, and CheckpointDamaged where it is not as it was written.
    """
    content = (checkpoint / _FILE).read_bytes()
    blocks = (content[start : start + BLOCK] for start in range(0, len(content), BLOCK))
    hashes = [hashlib.sha256(block).hexdigest() for block in blocks]
    try:
        whole = read_manifest(checkpoint).files[_FILE].sha256 == hashes
    except (KeyError, ValueError):  # it is the manifest that is damaged
        whole = False
    if not whole:
        problem = f"{_FILE}: content differs from its hash"
        raise CheckpointDamaged(f"checkpoint {checkpoint.name} is damaged:\n{shown([problem])}")
    return Record(**json.loads(content))


def extra_of(checkpoint: Path) -> Mapping[str, Any] | None:
    """The `extra` of a checkpoint; None where it is damaged, which is found when it is verified.

    Raises OSError where it cannot be read.
    """
    with contextlib.suppress(FileNotFoundError, CheckpointDamaged):
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
    with contextlib.suppress(FileNotFoundError, CheckpointDamaged):
        return options.score(read_record(checkpoint).metrics)
    return None
