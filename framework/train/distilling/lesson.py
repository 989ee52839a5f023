"""What the teacher says of the training split: once before the first step, and kept."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np
from jax.sharding import Mesh
from rich.console import Console

from framework.config import InvalidConfig, Problem
from framework.parallel import by_first
from framework.run import RunDirectory
from framework.train.distilling.kept import (
    HASH,
    keep_words,
    kept_data,
    kept_teacher,
    read_words,
    said_again,
    with_words,
)
from framework.train.distilling.opened import open_teacher
from framework.train.distilling.teacher import Teacher, find_teacher
from framework.train.experiment import Experiment


def taught(
    experiment: Experiment, directory: RunDirectory, mesh: Mesh, console: Console
) -> Experiment:
    """The experiment whose training examples carry what its teacher says of each.

    Of the examples as they are, before augmentation. A run that goes on has the words that it
    began with, read from its directory; where the user has allowed another teacher or other data,
    the teacher is asked again.

    Raises:
        InvalidConfig: the teacher cannot be opened, or says other than what the run began with
            and can no longer read.
    """
    if experiment.teacher is None:
        return experiment
    teacher = find_teacher(experiment.teacher)
    before = by_first(lambda: kept_teacher(directory.path))
    begun = by_first(lambda: kept_data(directory.path))
    now = (teacher.fingerprint, experiment.data.fingerprint)
    if before is not None and (before.get("fingerprint"), begun) != now:
        before = None  # another teacher or other examples, which the user has allowed
    said = read_words(directory.path, before) if before is not None else None
    if said is None:
        console.print(f"Asking the teacher {teacher.name} about the training split.")
        said = _asked(teacher, experiment, mesh, console)
        kept = by_first(lambda: _kept(directory, before, said))
        before = {**teacher.json(), HASH: kept}
    return replace(experiment, data=with_words(experiment.data, said, before or {}))


def _asked(teacher: Teacher, experiment: Experiment, mesh: Mesh, console: Console) -> np.ndarray:
    speaker = open_teacher(teacher, experiment, mesh, partial(console.print, markup=False))
    said = as_words(speaker.on("train").predictions)
    if not np.isfinite(said).all():
        bad = int((~np.isfinite(said)).any(-1).sum())
        expected = "a teacher whose outputs are finite"
        hint = f"those of {bad} of {len(said)} training examples are not"
        raise InvalidConfig(Problem("teacher", teacher.path, expected, hint))
    return said


def _kept(directory: RunDirectory, before: Mapping[str, object] | None, said: np.ndarray) -> str:
    if before is not None:
        said_again(directory.path, before, said)
    return keep_words(directory.path, said)


def as_words(predictions: Mapping[str, np.ndarray]) -> np.ndarray:
    """What a batch carries of a teacher that predicts so, float32 [n, outputs].

    Log probabilities, those of 0 as the smallest normal number of float32; or numbers as they are.
    """
    if "predictions" in predictions:
        return np.asarray(predictions["predictions"], np.float32)
    p = np.asarray(predictions["probabilities"], np.float32)
    return np.log(np.maximum(p, np.finfo(np.float32).tiny))
