"""Where an artifact is made: beside its place, and moved there when it is whole."""

import contextlib
import errno
import os
import re
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from framework.artifact import ArtifactError, inspect
from framework.config import InvalidConfig, Problem
from framework.export.options import ExportJob

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
# By machine and process: several may share a disk, and their containers number processes alike.
_HOST = re.sub(r"\W", "-", socket.gethostname())
_LEFT = rf"\.{_HOST}\.(\d+)\.(partial|old)"


class PlaceTaken(Exception):  # noqa: N818
    """Something has come to the artifact's place while it was made; the message is one line."""

    def __init__(self, place: Path) -> None:
        what = "another export has written its artifact there"
        if not _is_artifact(place):
            what = "something that is no artifact has been put there"
        super().__init__(
            f"export.dir={place}: {what} meanwhile, which stays, and this export was removed; "
            "name another place with export.dir=…, or replace an artifact with export.replace=true"
        )


def target(job: ExportJob) -> Path:
    """The directory of the artifact.

    Raises:
        InvalidConfig: something else is there, or the place cannot be written.
    """
    suffix = f"-{job.export.precision}" if job.export.precision else ""
    place = job.export.dir or job.run / f"artifact{suffix}"
    place = place.absolute()
    if place.exists():
        try:
            inspect(place, verified=False)
        except ArtifactError as error:
            expected = "a directory that is not there yet, or an artifact"
            raise InvalidConfig(Problem("export.dir", place, expected, str(error))) from error
        if not job.export.replace:
            hint = "export.replace=true replaces the artifact that is there"
            raise InvalidConfig(Problem("export.dir", place, "a directory that is not there", hint))
    inside = next((p for p in place.parents if _is_artifact(p)), None)
    if inside is not None:
        expected = "a place outside other artifacts, which may hold nothing but their own files"
        raise InvalidConfig(Problem("export.dir", place, expected, f"{inside} is one"))
    parent = next(parent for parent in place.parents if parent.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        expected = f"a place that can be written ({parent} cannot)"
        raise InvalidConfig(Problem("export.dir", place, expected))
    return place


def _is_artifact(path: Path) -> bool:
    try:
        inspect(path, verified=False)
    except ArtifactError:
        return False
    return True


@contextlib.contextmanager
def made_beside(place: Path, replace: bool) -> Iterator[Path]:
    """An empty directory, which becomes `place` when the block ends well, and else is removed.

    What an export that was killed on this machine left beside it is removed too.

    Raises:
        PlaceTaken: something is at `place` by now that must not be replaced.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    _tidy(place)
    if place.exists() and not replace:
        raise PlaceTaken(place)
    folder = _beside(place, "partial")
    folder.mkdir()
    made = folder / place.name  # a signature has the name of what is signed
    made.mkdir()
    try:
        yield made
        _put(made, place, replace)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _beside(place: Path, kind: str) -> Path:
    return place.with_name(f".{place.name}.{_HOST}.{os.getpid()}.{kind}")


def _put(folder: Path, place: Path, replace: bool) -> None:
    """Moves the artifact to its place, at which another export may be at this moment."""
    old = _beside(place, "old")
    if replace and _is_artifact(place):
        with contextlib.suppress(FileNotFoundError):  # another export has just moved it
            place.rename(old)
    try:
        moved = _moved(folder, place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)
    if not moved:
        raise PlaceTaken(place)


def _moved(folder: Path, place: Path) -> bool:
    """Renames a directory, or says that something is at the place."""
    try:
        folder.rename(place)
    except OSError as error:
        if error.errno in _TAKEN:
            return False
        raise
    return True


def _tidy(place: Path) -> None:
    """Removes what exports of this place left on this machine whose process is gone.

    One that was killed between the two moves has left the former artifact as `old`: it goes back.
    """
    for left in place.parent.glob(f".{place.name}.*"):
        named = re.fullmatch(re.escape(f".{place.name}") + _LEFT, left.name)
        if named is None or _alive(int(named[1])):
            continue
        if named[2] == "old" and not place.exists():
            with contextlib.suppress(FileNotFoundError):  # another export tidies as well
                _moved(left, place)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    if process == os.getpid():  # which has left nothing yet: one of the same number has
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
