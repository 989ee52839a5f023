"""What must hold between a teacher and the rest of an experiment; see `framework.train.checks`."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.data import Data
from framework.data.augment import AcrossExamples
from framework.tasks import Distillation
from framework.train.distilling.kept import kept_teacher
from framework.train.distilling.teacher import find_teacher


def teacher_is_asked_for(teacher: Path | None, task: Any) -> Iterable[Problem]:
    """A teacher goes with the task of distilling."""
    if teacher is not None and not isinstance(task, Distillation):
        name = type(task).__name__
        expected = f"null, as the task {name} has no teacher"
        yield Problem("teacher", teacher, expected, "add task=distillation")


def task_has_a_teacher(teacher: Path | None, task: Any, run: Any, name: str) -> Iterable[Problem]:
    """And the task with a teacher, unless a run that was taught is only looked at."""
    if teacher is None and isinstance(task, Distillation) and not kept_teacher(run.path(name)):
        expected = "a run directory or an artifact, to learn from with task=distillation"
        yield Problem("teacher", teacher, expected, "add teacher=RUN_OR_ARTIFACT")


def teacher_fits(teacher: Path | None, data: Data, run: Any, name: str) -> Iterable[Problem]:
    """It is there, is not the run itself, knows such data, and is the one the run began with."""
    if teacher is None:
        return
    own = run.path(name)
    if teacher.resolve() == own.resolve():
        yield Problem("teacher", teacher, "another run than the one that learns from it")
        return
    try:
        found = find_teacher(teacher)
    except InvalidConfig as error:
        yield from error.problems
        return
    yield from found.misfits(data)
    begun = (kept_teacher(own) or {}).get("fingerprint")
    if begun not in (None, found.fingerprint) and run.resume != "allow_changes":
        hint = (
            f"its weights have changed (fingerprint {begun[:8]} → {found.fingerprint[:8]}); "
            "choose another directory, or run.resume=allow_changes"
        )
        yield Problem("run.dir", own, "a run with the same teacher", hint)


def nothing_is_mixed(task: Any, data: Data) -> Iterable[Problem]:
    """The teacher has not seen what an augmentation makes of several examples."""
    if not isinstance(task, Distillation):
        return
    for place, augmentation in enumerate(data.augmentations):
        if isinstance(augmentation, AcrossExamples):
            key, name = f"data.augmentations.{place}", type(augmentation).__name__
            expected = "augmentations of one example each, as the teacher has seen no mixed ones"
            yield Problem(key, name, expected, "leave it out under task=distillation")


TEACHER_CHECKS = (teacher_is_asked_for, task_has_a_teacher, teacher_fits, nothing_is_mixed)
