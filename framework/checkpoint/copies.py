"""A second place for the checkpoints of a run: a disk or a bucket that outlives the machine.

A copy is `<place>/<step>/`. Its manifest comes last, so that a half copy does not count. The
hashes are compared while the bytes pass, on the way there and back: what is damaged is neither
copied nor fetched.
"""

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.checkpoint.failures import CheckpointDamaged, CheckpointFailed, cause
from framework.checkpoint.housekeeping import FETCHED, discard, scores
from framework.checkpoint.options import CheckpointOptions, kept, ranked
from framework.checkpoint.record import (
    ITEM,
    extra_of,
    finished_steps,
    score_of,
    step_directories,
)
from framework.manifest import BLOCK, MANIFEST, Entry, read_manifest

_AT_ONCE = 8  # files on their way
_PIECE = 1 << 20


@dataclass(frozen=True)
class Copies:
    """The copies in `place`, any path that `etils.epath` takes; `warn` is given each line."""

    place: str
    options: CheckpointOptions
    warn: Callable[[str], None]
    _scores: dict[int, float | None] = field(default_factory=dict)

    def steps(self) -> list[int]:
        """Steps of the whole copies, rising. Raises what the place raises."""
        return finished_steps(self.root())

    def root(self) -> Any:
        """The place as a path. Raises ImportError where the package for it is missing."""
        from etils import epath

        return epath.Path(self.place).expanduser()

    def update(self, directory: Path) -> None:
        """Copy what the options keep and is not there yet, then remove what they do not keep.

        A failure is a line, and the next call tries again. Copies need the space of one more
        checkpoint than is kept: none is removed before its successor is whole.
        """
        try:
            self._prune()
            for step in self._missing(directory):
                try:
                    _send(directory / str(step), self.root() / str(step))
                except CheckpointDamaged as error:
                    self.warn(f"checkpoint {step} was not copied to {self.place}: {error}")
            self._prune()
        except Exception as error:  # each kind of place has exceptions of its own
            self.warn(
                f"checkpoints were not copied to {self.place}: {cause(error)}; "
                "the next save tries again"
            )

    def retire(self, outdated: Callable[[int, Mapping[str, Any]], bool]) -> None:
        """Remove the copies of which `outdated(step, extra)` says so. Raises CheckpointFailed
        where that cannot be done: a copy that stayed would be taken for the run's own.
        """
        try:
            for step in self.steps():
                extra = extra_of(self.root() / str(step))
                if extra is not None and outdated(step, extra):
                    _remove(self.root() / str(step))
                    self._scores.pop(step, None)
        except Exception as error:
            raise CheckpointFailed(
                f"outdated copies were not removed from {self.place}: {cause(error)}; "
                "start again when they can be"
            ) from error

    def fetch_newer(self, directory: Path, step: int | None) -> int | None:
        """Fetch the newest whole copy if it is newer than `step`, the newest whole one in
        `directory`, and with it the best ones; returns the newest step then.

        Copies that cannot be had are passed over, each with a line. Raises CheckpointFailed
        where for that reason the run would start anew.
        """
        failure: Exception | None = None
        try:
            steps = [there for there in self.steps() if step is None or there > step]
        except Exception as error:
            steps, failure = [], error
            self.warn(f"the copies in {self.place} cannot be read: {cause(error)}")
        for newest in reversed(steps):
            try:
                self._fetch(newest, directory)
            except CheckpointDamaged as error:
                copy = f"the copy of checkpoint {newest} in {self.place}"
                self.warn(f"{copy} is damaged and skipped: {error}")
            except Exception as error:
                failure = error
                self.warn(f"checkpoint {newest} was not fetched from {self.place}: {cause(error)}")
            else:
                self._fetch_best(directory)
                return newest
        if step is None and failure is not None:
            raise CheckpointFailed(
                f"there is no checkpoint in {directory}, and those in {self.place} cannot be "
                f"had: {cause(failure)}; start again when they can, or with "
                "checkpoint.copy_to=null to start anew"
            ) from failure
        return step

    def _fetch(self, step: int, directory: Path) -> None:
        temporary = directory / f"{step}{FETCHED}"
        directory.mkdir(parents=True, exist_ok=True)
        discard(temporary)
        try:
            _transfer(self.root() / str(step), temporary)
            temporary.rename(directory / str(step))
        except BaseException:
            discard(temporary)
            raise
        self.warn(f"checkpoint {step} fetched from {self.place}")

    def _fetch_best(self, directory: Path) -> None:
        """The run may want to end with these; not having them is no reason not to go on."""
        try:
            here = finished_steps(directory)
            best = ranked(self._scored(self.steps()) | scores(directory, self.options))
            for step in best[: self.options.keep_best]:
                if step not in here:
                    self._fetch(step, directory)
        except Exception as error:
            self.warn(f"the best checkpoint was not fetched from {self.place}: {cause(error)}")

    def _missing(self, directory: Path) -> list[int]:
        """What should be there of what is in `directory`, the newest first."""
        here, there = scores(directory, self.options), self.steps()
        scored = self._scored(there) | here
        wanted = kept(scored, scored, self.options)
        return sorted(wanted.intersection(here).difference(there), reverse=True)

    def _prune(self) -> None:
        """Remove whole copies that are not kept, and half copies."""
        scored = self._scored(self.steps())
        keep = kept(scored, scored, self.options)
        for step, path in step_directories(self.root()).items():
            # Only what is known to be ours: the place may hold other things.
            if step not in keep and (step in scored or (path / ITEM).is_dir()):
                _remove(path)
                self._scores.pop(step, None)

    def _scored(self, steps: list[int]) -> dict[int, float | None]:
        """Their scores, each read once."""
        for step in steps:
            if step not in self._scores:
                self._scores[step] = score_of(self.root() / str(step), self.options)
        return {step: self._scores[step] for step in steps}


def _send(source: Path, target: Any) -> None:
    """Copy a checkpoint, or leave nothing of it, which would hold space."""
    try:
        _transfer(source, target)
    except BaseException:
        if (target / ITEM).is_dir():
            _remove(target)
        raise


def _remove(copy: Any) -> None:
    """The manifest goes first, so that it no longer counts, and the record, which tells that a
    half copy is ours, goes last.
    """
    (copy / MANIFEST).unlink(missing_ok=True)
    for path in copy.iterdir():
        if path.name != ITEM:
            path.rmtree() if path.is_dir() else path.unlink()
    copy.rmtree()


def _transfer(source: Any, target: Any) -> None:
    """Copy what the manifest lists: the record first, the manifest last, and atomically.

    Raises CheckpointDamaged where a file is not as the manifest says.
    """
    try:
        entries = read_manifest(source).files
    except ValueError as error:
        raise CheckpointDamaged(f"{MANIFEST}: unreadable ({error})") from error
    for folder in sorted({(target / name).parent for name in entries}):
        folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        names = sorted(entries, key=lambda name: not name.startswith(f"{ITEM}/"))
        list(pool.map(lambda name: _copy_file(source, target, name, entries[name]), names))
    temporary = target / f".{MANIFEST}.copied"
    temporary.write_bytes((source / MANIFEST).read_bytes())
    temporary.replace(target / MANIFEST)


def _copy_file(source: Any, target: Any, name: str, entry: Entry) -> None:
    size, hashes, digest = 0, [], hashlib.sha256()
    if not (source / name).exists():
        raise CheckpointDamaged(f"{name}: missing")
    with (source / name).open("rb") as reader, (target / name).open("wb") as writer:
        while piece := reader.read(_PIECE):  # BLOCK is a multiple of it
            writer.write(piece)
            digest.update(piece)
            size += len(piece)
            if size % BLOCK == 0:
                hashes.append(digest.hexdigest())
                digest = hashlib.sha256()
    if size % BLOCK:
        hashes.append(digest.hexdigest())
    if Entry(size, hashes) != entry:
        raise CheckpointDamaged(f"{name}: content differs from its hash")
