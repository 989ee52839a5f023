"""The bad steps of a run: kept in its directory, with the batches that are passed over."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import jax
import numpy as np

from framework.data import Data, batch_number, training_batches
from framework.run import RunDirectory

RECORD = "bad_steps.json"
FOLDER = "bad_steps"


@dataclass(frozen=True)
class BadStep:
    """A step that was not made.

    Attributes:
        step: the number that it would have had, from 1.
        batch: number of its global batch, from 0.
        why: what was bad about it.
        action: what was done: stop, skip or rewind.
        passed_over: the batches that are left out because of it.
    """

    step: int
    batch: int
    why: str
    loss: float | None
    gradient_norm: float | None
    action: str
    passed_over: tuple[int, ...] = ()


def read_bad_steps(directory: RunDirectory) -> list[BadStep]:
    """Those of the run so far, in the order in which they were found."""
    found = directory.read_json(RECORD) or []
    return [BadStep(**{**each, "passed_over": tuple(each["passed_over"])}) for each in found]


def note(directory: RunDirectory, bad: BadStep) -> None:
    """Adds a bad step to the record; one that is met again, after a new start, stands once."""
    known = [each for each in read_bad_steps(directory) if each.step != bad.step]
    if bad.action == "rewind":  # the same number may come again, with another batch
        known = read_bad_steps(directory)
    directory.write_json(RECORD, [asdict(each) for each in [*known, bad]])


def passed_over(bad_steps: Sequence[BadStep]) -> tuple[int, ...]:
    """Numbers of the batches that training leaves out, rising."""
    return tuple(sorted({batch for bad in bad_steps for batch in bad.passed_over}))


def offending(batch: int, count: int, already: Sequence[int]) -> tuple[int, ...]:
    """The `count` batches up to `batch` that were not passed over before."""
    kept = (number for number in range(batch, -1, -1) if number not in set(already))
    return tuple(sorted(number for number, _ in zip(kept, range(count), strict=False)))


def is_up_to_date(step: int, saved: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether a state of `step` steps, which left `saved` out, left out all it should have."""
    following = batch_number(step, saved)
    return {b for b in wanted if b < following} == {b for b in saved if b < following}


def save_batch(
    directory: RunDirectory, data: Data, seed: int, step: int, leaving_out: Sequence[int]
) -> str:
    """Writes the whole global batch of `step` into the run directory; returns the file's name."""
    batches = training_batches(data, seed=seed, start=step - 1, passed_over=leaving_out, prefetch=0)
    name = f"{FOLDER}/{step}/batch.npz"
    file = directory.path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **flat(next(batches)))  # type: ignore[arg-type]
    return name


def flat(batch: Mapping[str, object]) -> dict[str, np.ndarray]:
    """The arrays of a batch by one name each: `inputs/tokens`."""
    leaves = jax.tree_util.tree_leaves_with_path(dict(batch))
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in leaves
    }
