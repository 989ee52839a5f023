"""What is cleared from a directory of checkpoints, and when that is safe.

Only what was never whole goes at once. A checkpoint that was goes when its successor is whole.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from framework.checkpoint.options import CheckpointOptions, kept
from framework.checkpoint.record import finished_steps, is_finished, score_of

FETCHED = ".fetched"  # a copy on its way here
_TEMPORARY = ".orbax-checkpoint-tmp"  # what Orbax calls a save in progress
_REMOVED = ".removed"
_RETIRED = ".retired"
_DAMAGED_NAME = re.compile(r"([0-9]+)\.damaged(?:-([0-9]+))?")
_DAMAGED_KEPT = 2


def scores(directory: Path, options: CheckpointOptions) -> dict[int, float | None]:
    """The score of every finished checkpoint."""
    steps = finished_steps(directory)
    return {step: score_of(directory / str(step), options) for step in steps}


def clear_interrupted(directory: Path) -> None:
    """What killed saves, fetches and removals have left."""
    for pattern in (f"*{_TEMPORARY}*", f"*{_REMOVED}", f"*{FETCHED}"):
        for path in directory.glob(pattern):
            discard(path)


def clear_failed(directory: Path, step: int) -> None:
    """What was written of a save that failed: it holds space on a full disk."""
    for path in directory.glob(f"{step}{_TEMPORARY}*"):
        discard(path)
    if not is_finished(directory / str(step)):
        discard(directory / str(step))


def remove_old(directory: Path, options: CheckpointOptions) -> None:
    """Called when a new checkpoint is whole. Raises OSError.

    Of damaged ones the two newest stay for a person to look at, as each holds the space of a
    whole one. Older ones wait for this moment too: a disk that could not be read for a while
    makes whole checkpoints look damaged.
    """
    scored = scores(directory, options)
    for step in set(scored) - kept(scored, scored, options):
        path = directory / str(step)
        discard(path.rename(path.with_name(f"{step}{_REMOVED}")))
    for path in directory.glob(f"*{_RETIRED}"):
        discard(path)
    found = [_DAMAGED_NAME.fullmatch(path.name) for path in directory.iterdir()]
    damaged = sorted((int(m[1]), int(m[2] or 1), m[0]) for m in found if m)
    for _, _, name in damaged[:-_DAMAGED_KEPT]:
        discard(directory / name)


def set_aside(directory: Path, step: int, problems: Sequence[str]) -> str:
    """Rename a damaged checkpoint to `<step>.damaged`; returns the line that says so."""
    numbers = ("", *(f"-{n}" for n in range(2, 1000)))
    targets = (directory / f"{step}.damaged{number}" for number in numbers)
    target = next(path for path in targets if not path.exists())
    try:
        (directory / str(step)).rename(target)
        where = f"set aside as {target.name}"
    except OSError as error:
        where = f"skipped (not renamed: {error.strerror or error})"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"checkpoint {step} is damaged and {where}: {problems[0]}{more}"


def retire(directory: Path, step: int) -> None:
    """Rename a whole checkpoint so that it no longer counts; it goes with the next whole one."""
    target = directory / f"{step}{_RETIRED}"
    discard(target)
    (directory / str(step)).rename(target)


def discard(path: Path) -> None:
    """Remove a directory, or the link to one, as far as that can be done."""
    if path.is_symlink():
        path.unlink()
    else:
        shutil.rmtree(path, ignore_errors=True)
