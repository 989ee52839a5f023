"""When the teacher is asked, and when its kept words are taken."""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from framework.data import Data, Taught
from framework.run import RunDirectory
from framework.spec import Labels
from framework.train.distilling import lesson
from framework.train.distilling.kept import taught_by
from framework.train.distilling.teacher import Teacher
from tests.data.make import data as made

DATA = made(30, 6)


@dataclass(frozen=True)
class Student:
    """As much of an experiment as a lesson needs."""

    data: Data = DATA
    teacher: Path = Path("big")


@pytest.fixture
def learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Begins the run in `tmp_path`, or goes on with it; gives what its examples carry."""
    asked: list[str] = []

    def find(path: Path) -> Teacher:
        fingerprint = f"weights of {path}"
        return Teacher(path, "run", path.name, 40, fingerprint, Labels("class", ("a",)), {})

    def open_one(teacher: Teacher, student: Student, *_: object) -> Any:
        asked.append(f"{teacher.name} about {student.data.fingerprint}")
        said = np.full((30, 1), 1 / (1 + len(asked)), np.float32)
        return SimpleNamespace(on=lambda split: SimpleNamespace(predictions={"predictions": said}))

    monkeypatch.setattr(lesson, "find_teacher", find)
    monkeypatch.setattr(lesson, "open_teacher", open_one)

    def go_on(student: Student) -> tuple[np.ndarray, list[str]]:
        quiet: Any = (None, Console(file=io.StringIO()))
        data = lesson.taught(student, RunDirectory(tmp_path), *quiet).data  # type: ignore[arg-type]
        record = {"fingerprint": data.fingerprint, **taught_by(data)}
        (tmp_path / "data.json").write_text(json.dumps(record))
        assert isinstance(data.splits["train"], Taught)
        return data.splits["train"].said, asked

    return go_on


def test_the_same_teacher_is_asked_once_about_the_same_data(learn: Any) -> None:
    before, _ = learn(Student())
    said, asked = learn(Student())
    assert asked == [f"big about {DATA.fingerprint}"]
    np.testing.assert_array_equal(said, before)


def test_other_data_are_asked_about_again(learn: Any) -> None:
    """Words are by place in the training split, which holds other examples now."""
    before, _ = learn(Student())
    other = Student(replace(DATA, fingerprint="of another split"))
    said, asked = learn(other)
    assert asked[1:] == ["big about of another split"]
    assert not np.array_equal(said, before)
    np.testing.assert_array_equal(learn(other)[0], said)
    assert len(asked) == 2


def test_another_teacher_is_asked_itself(learn: Any) -> None:
    learn(Student())
    _, asked = learn(Student(teacher=Path("larger")))
    assert asked[1:] == [f"larger about {DATA.fingerprint}"]
