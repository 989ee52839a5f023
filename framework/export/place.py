"""Where an artifact is made: beside its place, and moved there when it is whole."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from framework.artifact import ArtifactError, inspect
from framework.config import InvalidConfig, Problem
from framework.export.options import ExportJob

_LEFT = re.compile(r"\..+\.(\d+)\.(partial|old)")


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

    What a killed export left beside it is removed too.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    _tidy(place)
    folder = place.with_name(f".{place.name}.{os.getpid()}.partial")
    folder.mkdir()
    try:
        yield folder
        old = place.with_name(f".{place.name}.{os.getpid()}.old")
        if replace and place.exists():
            place.rename(old)
        folder.rename(place)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _tidy(place: Path) -> None:
    """Removes what exports of this place left whose process is gone.

    One that was killed between the two moves has left the former artifact as `old`: it goes back.
    """
    for left in place.parent.glob(f".{place.name}.*"):
        named = _LEFT.fullmatch(left.name)
        if named is None or _alive(int(named[1])):
            continue
        if named[2] == "old" and not place.exists():
            left.rename(place)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
