"""A folder from which workers pull trials.

A trial is a file: in `waiting`, then in `taken/<worker>`, then in `ended`. A worker claims it by
renaming it, so that no two have it.
"""

import contextlib
from pathlib import Path

WAITING, TAKEN, ENDED, WORKERS = "waiting", "taken", "ended", "workers"


def claimed(folder: Path, mine: Path) -> Path | None:
    """This worker's trial: the one it had, or the next that waits."""
    had = next(iter(sorted(mine.glob("*.json"))), None)
    if had is not None:
        return had
    for file in sorted((folder / WAITING).glob("*.json")):
        with contextlib.suppress(FileNotFoundError):  # another was faster
            return file.rename(mine / file.name)
    return None
