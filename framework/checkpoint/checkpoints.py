"""The checkpoints of one run: Orbax writes them, a manifest of hashes proves them whole.

A save copies the state to the host and returns. In the background Orbax writes a temporary
directory and renames it, then the manifest is written, which makes it a checkpoint, and only then
are older ones removed and the new one copied to a second place. A checkpoint is verified against
its manifest before anything is restored, because Orbax restores damaged arrays without a word.

The directories are those of Orbax's CheckpointManager, which reads them. It does not write them,
as it removes old steps before a manifest of the new one could be there.
"""

import contextlib
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from framework.checkpoint import housekeeping
from framework.checkpoint import leaves as state_leaves
from framework.checkpoint.copies import Copies
from framework.checkpoint.failures import CheckpointDamaged, CheckpointFailed, cause, shown
from framework.checkpoint.options import CheckpointOptions, ranked
from framework.checkpoint.reading import read_state
from framework.checkpoint.record import (
    ITEM,
    Record,
    extra_of,
    finished_steps,
    read_record,
    step_directories,
)
from framework.checkpoint.told_once import tell_once
from framework.manifest import verify, write_manifest
from framework.parallel import by_first

PyTree = Any


class Restored(NamedTuple):
    """A state, the step it was saved at, and the `extra` that was saved with it."""

    step: int
    state: PyTree
    extra: dict[str, Any]


class Checkpoints:
    """The checkpoints below `directory`, and their copies where the options have a place for them.

    Reading alone changes nothing but setting damaged ones aside and fetching copies; the
    directory is made at the first save. `warn` is given one line for each checkpoint set aside or
    fetched, and for what could not be removed or copied, these from the thread of a save.
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
        self._copies = Copies(options.copy_to, options, warn) if options.copy_to else None
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
        ready: Callable[[], object] = lambda: None,
    ) -> None:
        """Save `state` (a tree of arrays), `extra` (JSON) and `metrics` as checkpoint `step`.

        Returns once the state is copied to the host: it may be donated at once. Waits for the
        former save. A step that is there already is left alone. The checkpoint counts only after
        `ready`, called in the background when all else is written (in the first process only).
        Raises CheckpointFailed, also for the former save.
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
        self._finish = threading.Thread(target=self._seal, args=(step, ready), name="checkpoint")
        self._finish.start()

    def steps(self) -> list[int]:
        """Steps of the finished checkpoints, rising; the one being saved is not among them."""
        return finished_steps(self.directory)

    def latest(self) -> int | None:
        """The newest finished step."""
        return max(self.steps(), default=None)

    def best(self) -> int | None:
        """The step with the best `options.metric`, the one being saved included, which is waited
        for; None where no step has one. Raises CheckpointFailed.
        """
        self.wait()
        scores = housekeeping.scores(self.directory, self.options)
        return next(iter(ranked(scores)), None)

    def anything(self) -> bool:
        """Whether there may be something to restore, here or in the place of the copies; cheap."""
        try:
            return bool(step_directories(self.directory) or (self._copies and self._copies.steps()))
        except Exception:  # whether that matters shows when something is to be restored
            return True

    def peek(self, step: int | None = None) -> dict[str, Any]:
        """The `extra` saved with `step`, or with the newest step here or in the place of the
        copies; nothing else is verified. Empty where there is none. Raises OSError and
        CheckpointDamaged, and what the place of the copies raises.
        """
        here, there = self.steps(), self._copies.steps() if self._copies else []
        newest = max([*here, *there], default=None) if step is None else step
        if newest is None:
            return {}
        away = self._copies is not None and newest in there and newest not in here
        place = self._copies.root() if self._copies and away else self.directory
        return dict(read_record(place / str(newest)).extra)

    def restore(
        self, step: int, abstract_state: PyTree, *, part: bool = False
    ) -> tuple[PyTree, dict[str, Any]]:
        """The state saved at `step`, like and on the shardings of `abstract_state`, and its
        `extra`. With `part`, the checkpoint may hold more than is asked for, which is not read.

        `abstract_state` holds ShapeDtypeStructs (or arrays); a leaf without a sharding goes to
        the first device. Raises CheckpointDamaged where a file is not as it was written, and
        CheckpointMismatch, before anything is read, where names, shapes or types differ.
        """
        path = self.directory / str(step)
        problems = by_first(lambda: verify(path))
        if problems:
            raise CheckpointDamaged(f"checkpoint {step} is damaged:\n{shown(problems)}")
        return read_state(path, abstract_state, part=part)

    def restore_latest(self, abstract_state: PyTree) -> Restored | None:
        """The newest whole checkpoint, or None. Damaged ones are set aside, each with a warning:
        renamed to `<step>.damaged`, to be looked at by a person. A copy that is newer than what
        is whole here is fetched. Raises CheckpointMismatch, and CheckpointFailed where nothing
        is here and the copies cannot be had.
        """
        self.wait()
        self._saving = None  # it may be set aside, and then be saved again
        step = by_first(self._newest_whole)  # only the first process renames
        if step is None:
            return None
        state, extra = read_state(self.directory / str(step), abstract_state, part=False)
        return Restored(step, state, extra)

    def retire(self, outdated: Callable[[int, Mapping[str, Any]], bool]) -> None:
        """Set aside the checkpoints, and remove the copies, of which `outdated(step, extra)` says
        so: the run goes another way from an earlier one on, and will save those steps again.
        """
        self.wait()
        self._saving = None

        def work() -> None:
            for step in self.steps():
                extra = extra_of(self.directory / str(step))
                if extra is not None and outdated(step, extra):
                    housekeeping.retire(self.directory, step)
            if self._copies is not None:
                self._copies.retire(outdated)

        by_first(work)

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
            self._release()

    def _opened(self) -> Any:
        """Orbax's writer; made late, as that clears what killed saves have left."""
        if self._writer is None:
            import orbax.checkpoint as ocp

            tell_once()
            if jax.process_index() == 0:
                self.directory.mkdir(parents=True, exist_ok=True)
                housekeeping.clear_interrupted(self.directory)
            # Else a directory that cannot be made leaves threads that keep the program for minutes.
            at_once = ocp.options.AsyncOptions(create_directories_asynchronously=False)
            handler = ocp.CompositeCheckpointHandler()
            self._writer = ocp.AsyncCheckpointer(handler, async_options=at_once)
        return self._writer

    def _release(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def _give_up(self, step: int) -> None:
        """Keep nothing of a save that failed; Orbax's writer would say so again at the next."""
        # It also leaves its other failed writes to asyncio, which tells each with a traceback.
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        with contextlib.suppress(Exception):
            self._release()
        if jax.process_index() == 0:
            housekeeping.clear_failed(self.directory, step)

    def _seal(self, step: int, ready: Callable[[], object]) -> None:
        """Wait for Orbax, write the manifest, remove older checkpoints; runs on a thread.

        In a run of several processes the first one does so for all.
        """
        first = jax.process_index() == 0
        try:
            self._writer.wait_until_finished()
            if first:
                ready()
                write_manifest(self.directory / str(step))
        except Exception as error:
            self._error = error
            self._give_up(step)
            return
        if first:
            self._tidy()

    def _tidy(self) -> None:
        """The new checkpoint counts, whatever goes wrong from here on."""
        try:
            housekeeping.remove_old(self.directory, self.options)
        except OSError as error:
            self._warn(f"older checkpoints were not removed: {cause(error)}")
        if self._copies is not None:
            self._copies.update(self.directory)

    def _newest_whole(self) -> int | None:
        newest = None
        for step, path in reversed(step_directories(self.directory).items()):
            problems = verify(path)
            if not problems:
                newest = step
                break
            self._warn(housekeeping.set_aside(self.directory, step, problems))
        if self._copies is None:
            return newest
        return self._copies.fetch_newer(self.directory, newest)

    @contextlib.contextmanager
    def _plainly(self, kind: type[Exception]) -> Iterator[None]:
        """Say what was lost and what the next start will do."""
        try:
            yield
        except kind as error:
            step, self._saving = self._saving, None
            if step is not None:
                self._give_up(step)
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
