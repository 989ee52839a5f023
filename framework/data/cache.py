"""Arrays that were costly to make, kept on disk and checked by hash when they are read again."""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from framework.data.fingerprint import array_digest, fingerprint

_log = logging.getLogger(__name__)
_CONTENT = "content.json"
MAPPED_BYTES = 2**28
"""Arrays above this stay in their files where that is asked for."""


@dataclass(frozen=True)
class Prepared:
    """Named arrays, their digests, and what else is known about them (JSON values)."""

    arrays: Mapping[str, np.ndarray]
    digests: Mapping[str, str]
    notes: Mapping[str, Any]


def cache_directory(cache: str | None) -> Path:
    """`cache`, else the environment's FRAMEWORK_CACHE, else ~/.cache/framework."""
    chosen = cache or os.environ.get("FRAMEWORK_CACHE") or "~/.cache/framework"
    return Path(chosen).expanduser()


def prepared(
    name: str,
    key: Mapping[str, Any],
    directory: Path,
    make: Callable[[], tuple[Mapping[str, np.ndarray], Mapping[str, Any]]],
    *,
    mapped: bool = False,
) -> Prepared:
    """What `make` returns (arrays and notes), from `directory` if it was made there before.

    `key` says what the arrays are a function of; another key is another entry. A damaged entry is
    made again, with a warning. A directory that cannot be written is a warning too: the arrays are
    used, and made again at the next start. With `mapped`, large arrays stay in their files and
    are read as they are used.
    """
    place = directory / f"{name}-{fingerprint({}, key)[:16]}"
    if place.exists():
        try:
            return _read(place, mapped)
        except (OSError, ValueError, KeyError) as error:
            _log.warning("the cached %s is damaged (%s): making it again", place, error)
            shutil.rmtree(place, ignore_errors=True)
    arrays, notes = make()
    digests = {name: array_digest(array) for name, array in arrays.items()}
    made = Prepared(arrays, digests, notes)
    try:
        _write(made, place)
    except OSError as error:
        _log.warning("could not keep %s for the next start: %s", place, error)
        return made
    large = mapped and any(array.nbytes > MAPPED_BYTES for array in arrays.values())
    return _read(place, mapped) if large else made


def _read(place: Path, mapped: bool) -> Prepared:
    content = json.loads((place / _CONTENT).read_text())
    digests: dict[str, str] = content["arrays"]
    arrays = {}
    for name, expected in digests.items():
        file = place / f"{name}.npy"
        try:
            stays = mapped and file.stat().st_size > MAPPED_BYTES
            arrays[name] = np.load(file, mmap_mode="r" if stays else None, allow_pickle=False)
        except FileNotFoundError as error:
            raise ValueError(f"{name}.npy is missing") from error
        if array_digest(arrays[name]) != expected:
            raise ValueError(f"{name}.npy is not what was written")
    return Prepared(arrays, digests, content["notes"])


def _write(made: Prepared, place: Path) -> None:
    """All or nothing: many processes may start at once, and any may be killed."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
    try:
        for name, array in made.arrays.items():
            np.save(temporary / f"{name}.npy", array, allow_pickle=False)
        content = {"arrays": dict(made.digests), "notes": dict(made.notes)}
        (temporary / _CONTENT).write_text(json.dumps(content))
        temporary.rename(place)
    except OSError:
        if not (place / _CONTENT).exists():  # else another process was first, with the same arrays
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
