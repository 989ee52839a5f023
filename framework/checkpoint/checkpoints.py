"""The checkpoints of one run: Orbax writes them, a manifest of hashes proves them whole.

A save copies the state to the host and returns. In the background Orbax writes a temporary
directory and renames it, then the manifest is written, which makes it a checkpoint, and only then
are older ones removed. A checkpoint is verified against its manifest before anything is restored,
because Orbax restores damaged arrays without a word.

The directories are those of Orbax's CheckpointManager, which reads them. It does not write them,
as it removes old steps before a manifest of the new one could be there.
"""

import contextlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from framework.checkpoint import leaves as state_leaves
from framework.checkpoint.failures import (
    CheckpointDamaged,
    CheckpointFailed,
    CheckpointMismatch,
    cause,
    mismatch,
    shown,
)
from framework.checkpoint.options import CheckpointOptions, kept, ranked
from framework.checkpoint.record import ITEM, Record, is_finished, read_record, step_directories
from framework.manifest import verify, write_manifest

PyTree = Any
_TEMPORARY = "*.orbax-checkpoint-tmp*"  # what Orbax calls a save in progress
_REMOVED = ".removed"


class Restored(NamedTuple):
    """A state, the step it was saved at, and the `extra` that was saved with it."""

    step: int
    state: PyTree
    extra: dict[str, Any]


class Checkpoints:
    """The checkpoints below `directory`. Reading alone changes nothing but setting damaged ones
    aside; the directory is made at the first save. `warn` is given one line for each checkpoint
    set aside.
    """

    def __init__(
        self,
        directory: Path,
        options: CheckpointOptions,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.directory = directory.absolute()
        self.options = options
        self._warn = warn
        self._writer: Any = None  # Orbax's AsyncCheckpointer, made at the first save
        self._saving: int | None = None
        self._finish: threading.Thread | None = None
        self._error: BaseException | None = None

    def warm_up(self) -> None:
        """Import what the first save needs (half a second); may run on a thread."""
        import orbax.checkpoint  # noqa: F401

    def save(
        self,
        step: int,
        state: PyTree,
        extra: Mapping[str, Any],
        metrics: Mapping[str, float],
    ) -> None:
        """Save `state` (a tree of arrays), `extra` (JSON) and `metrics` as checkpoint `step`.

        Returns once the state is copied to the host: it may be donated at once. Waits for the
        former save. A step that is there already is left alone. Raises CheckpointFailed, also
        for the former save.
        """
        self.wait()
        if step == self._saving or step in self.steps():  # alike in all processes
            return
        leaves = state_leaves.named_leaves(state)
        numbers = {name: float(value) for name, value in metrics.items()}
        record = Record(step, state_leaves.describe(leaves), dict(extra), numbers)
        json.dumps(record.extra)  # a mistake in it raises here, not in the background
        self._saving = step
        with self._plainly(OSError):
            writer = self._opened()
            arguments = _arguments(state_leaves.to_save(leaves), record)
            writer.save(self.directory / str(step), args=arguments, force=True)
        self._finish = threading.Thread(target=self._seal, name="checkpoint")
        self._finish.start()

    def steps(self) -> list[int]:
        """Steps of the finished checkpoints, rising; the one being saved is not among them."""
        found = step_directories(self.directory)
        return [step for step, path in found.items() if is_finished(path)]

    def latest(self) -> int | None:
        """The newest finished step."""
        return max(self.steps(), default=None)

    def best(self) -> int | None:
        """The step with the best `options.metric`, the one being saved included, which is waited
        for; None where no step has one. Raises CheckpointFailed.
        """
        self.wait()
        return next(iter(ranked(self._scores())), None)

    def restore(
        self, step: int, abstract_state: PyTree, *, part: bool = False
    ) -> tuple[PyTree, dict[str, Any]]:
        """The state saved at `step`, like and on the shardings of `abstract_state`, and its
        `extra`. With `part`, the checkpoint may hold more than is asked for, which is not read.

        `abstract_state` holds ShapeDtypeStructs (or arrays); a leaf without a sharding goes to
        the first device. Raises CheckpointDamaged where a file is not as it was written, and
        CheckpointMismatch, before anything is read, where names, shapes or types differ.
        """
        problems = self._problems(step)
        if problems:
            raise CheckpointDamaged(f"checkpoint {step} is damaged:\n{shown(problems)}")
        return self._restore_verified(step, abstract_state, part)

    def restore_latest(self, abstract_state: PyTree) -> Restored | None:
        """The newest whole checkpoint, or None. Damaged ones are set aside, each with a warning:
        renamed to `<step>.damaged`, to be looked at or deleted by a person.
        """
        self.wait()
        self._saving = None  # it may be set aside, and then be saved again
        step = self._newest_whole()
        if step is None:
            return None
        state, extra = self._restore_verified(step, abstract_state)
        return Restored(step, state, extra)

    def wait(self) -> None:
        """Wait for the save in progress. Raises CheckpointFailed, once, where it failed."""
        if self._finish is None:
            return
        self._finish.join()
        self._finish = None
        if self._error is not None:
            error, self._error = self._error, None
            with self._plainly(Exception):
                raise error

    def close(self) -> None:
        """Wait for the save in progress, and release threads. Raises CheckpointFailed."""
        try:
            self.wait()
        finally:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()

    def _opened(self) -> Any:
        """Orbax's writer; made late, as that clears what killed saves have left."""
        if self._writer is None:
            import orbax.checkpoint as ocp

            if jax.process_index() == 0:
                self.directory.mkdir(parents=True, exist_ok=True)
                for pattern in (_TEMPORARY, f"*{_REMOVED}"):
                    for path in self.directory.glob(pattern):
                        shutil.rmtree(path, ignore_errors=True)
            self._writer = ocp.AsyncCheckpointer(ocp.CompositeCheckpointHandler())
        return self._writer

    def _seal(self) -> None:
        """Wait for Orbax, write the manifest, remove older checkpoints; runs on a thread.

        In a run of several processes the first one does so for all.
        """
        try:
            self._writer.wait_until_finished()
            if jax.process_index() == 0:
                write_manifest(self.directory / str(self._saving))
                self._remove_old()
        except Exception as error:
            self._error = error
            if jax.process_index() == 0:  # what was written of it holds space on a full disk
                for path in self.directory.glob(f"{self._saving}{_TEMPORARY[1:]}"):
                    shutil.rmtree(path, ignore_errors=True)

    def _remove_old(self) -> None:
        scores = self._scores()
        for step in set(scores) - kept(scores, scores, self.options):
            path = self.directory / str(step)
            removed = path.rename(path.with_name(f"{step}{_REMOVED}"))
            shutil.rmtree(removed, ignore_errors=True)

    def _scores(self) -> dict[int, float | None]:
        """The score of every finished checkpoint."""
        scores: dict[int, float | None] = {}
        for step in self.steps():
            scores[step] = None
            with contextlib.suppress(OSError, ValueError, TypeError):  # found when verified
                metrics = read_record(self.directory / str(step)).metrics
                scores[step] = self.options.score(metrics)
        return scores

    def _problems(self, step: int) -> list[str]:
        return verify(self.directory / str(step))

    def _newest_whole(self) -> int | None:
        """Chosen by the first process for all, as only it renames."""
        found = -1
        if jax.process_index() == 0:
            for step in reversed(step_directories(self.directory)):
                problems = self._problems(step)
                if not problems:
                    found = step
                    break
                self._set_aside(step, problems)
        if jax.process_count() > 1:
            from jax.experimental import multihost_utils

            found = int(multihost_utils.broadcast_one_to_all(np.int32(found)))
        return None if found < 0 else found

    def _set_aside(self, step: int, problems: Sequence[str]) -> None:
        source = self.directory / str(step)
        names = (f"{step}.damaged", *(f"{step}.damaged-{n}" for n in range(2, 1000)))
        target = next(path for name in names if not (path := self.directory / name).exists())
        try:
            source.rename(target)
            where = f"set aside as {target.name}"
        except OSError as error:
            where = f"skipped (not renamed: {error.strerror or error})"
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        self._warn(f"checkpoint {step} is damaged and {where}: {problems[0]}{more}")

    def _restore_verified(
        self, step: int, abstract: PyTree, part: bool = False
    ) -> tuple[PyTree, dict[str, Any]]:
        record = read_record(self.directory / str(step))
        leaves = state_leaves.named_leaves(abstract)
        saved = {n: kind for n, kind in record.leaves.items() if not part or n in leaves}
        lines = mismatch(saved, state_leaves.describe(leaves))
        if lines:
            raise CheckpointMismatch(
                f"checkpoint {step} in {self.directory} does not fit this configuration; "
                f"{len(lines)} of {len(leaves)} arrays differ:\n{shown(lines)}"
            )
        import orbax.checkpoint as ocp

        wanted = state_leaves.to_restore(leaves)
        with ocp.PyTreeCheckpointer() as reader:
            arguments = ocp.args.PyTreeRestore(
                wanted, ocp.checkpoint_utils.construct_restore_args(wanted), partial_restore=part
            )
            place = self.directory / str(step) / "state"
            stored = reader.restore(place, arguments) if wanted else {}
        return state_leaves.from_restored(abstract, leaves, stored), dict(record.extra)

    @contextlib.contextmanager
    def _plainly(self, kind: type[Exception]) -> Iterator[None]:
        """Say what was lost and what the next start will do."""
        try:
            yield
        except kind as error:
            step, self._saving = self._saving, None
            latest = self.latest()
            then = "starts anew" if latest is None else f"continues from step {latest}"
            raise CheckpointFailed(
                f"checkpoint {step} was not saved: {cause(error)}; the next start {then}"
            ) from error


def _arguments(arrays: Mapping[str, Any], record: Record) -> Any:
    import orbax.checkpoint as ocp

    items = {ITEM: ocp.args.JsonSave(record.json())}
    if arrays:
        items["state"] = ocp.args.StandardSave(arrays)
    return ocp.args.Composite(**items)
