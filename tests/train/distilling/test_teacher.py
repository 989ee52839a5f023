"""What is known of a teacher before a device is touched."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from framework.config import InvalidConfig
from framework.data import Mixup
from framework.manifest import write_manifest
from framework.spec import Field, Labels, Spec
from framework.tasks import Classification, Distillation
from framework.train.distilling import checks
from framework.train.distilling.teacher import find_teacher
from tests.data.make import data as made
from tests.train.parts import said

DATA = made(30, 6)
TASK = Distillation(Classification())


def run(folder: Path, spec: Spec = DATA.spec, steps: tuple[int, ...] = (20, 40)) -> Path:
    """A directory that looks like a run's."""
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("name: big\n")
    (folder / "data.json").write_text(json.dumps(spec.json()))
    for step in steps:
        checkpoint = folder / "checkpoints" / str(step)
        checkpoint.mkdir(parents=True)
        (checkpoint / "weights").write_text(f"those of step {step}")
        write_manifest(checkpoint)
    return folder


def artifact(folder: Path, shape: tuple[int, ...] = (6, 6), classes: str = "abc") -> Path:
    """A directory that looks like an artifact."""
    folder.mkdir(parents=True)
    (folder / "weights").write_text("numbers")
    inputs = {"image": {"shape": ["batch", *shape], "dtype": "uint8"}}
    outputs = {"probabilities": {"shape": ["batch", len(classes)], "classes": list(classes)}}
    write_manifest(folder, {
        "artifact_format": 1, "name": "big", "kind": "class", "run": {"step": 40},
        "signature": {"inputs": inputs, "outputs": outputs},
    })  # fmt: skip
    return folder


def test_a_run_is_known_by_its_newest_checkpoint(tmp_path: Path) -> None:
    teacher = find_teacher(run(tmp_path / "a"))
    assert (teacher.kind, teacher.name, teacher.step) == ("run", "big", 40)
    assert list(teacher.misfits(DATA)) == []
    assert teacher.fingerprint == find_teacher(run(tmp_path / "same")).fingerprint
    assert teacher.fingerprint != find_teacher(run(tmp_path / "b", steps=(20,))).fingerprint


def test_an_artifact_is_known_by_its_manifest(tmp_path: Path) -> None:
    teacher = find_teacher(artifact(tmp_path / "a"))
    assert (teacher.kind, teacher.name, teacher.step) == ("artifact", "big", 40)
    assert list(teacher.misfits(DATA)) == []
    (tmp_path / "a" / "weights").write_text("other numbers")
    with pytest.raises(InvalidConfig, match="weights"):
        find_teacher(tmp_path / "a")


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        (replace(DATA.spec, labels=Labels("class", ("a", "b", "d"))),
         "expected a teacher for the labels of made, class a, b, c; its own are class a, b, d"),
        (replace(DATA.spec, labels=Labels("class", ("b", "a", "c"))), "its own are class b, a, c"),
        (replace(DATA.spec, labels=Labels("number", ("a", "b", "c"))), "are number a, b, c"),
        (replace(DATA.spec, inputs=Field((8, 8, 1), "float32")),
         "the inputs of made, one array of 6 × 6 × 1; its own are one array of 8 × 8 × 1"),
        (replace(DATA.spec, inputs={"numeric": Field((4,), "float32")}), "are numeric of 4"),
    ],
)  # fmt: skip
def test_a_teacher_of_other_data(tmp_path: Path, spec: Spec, line: str) -> None:
    (problem,) = said(find_teacher(run(tmp_path / "a", spec)).misfits(DATA))
    assert problem.endswith(line)


def test_an_artifact_for_other_data(tmp_path: Path) -> None:
    lines = said(find_teacher(artifact(tmp_path / "a", (8, 8), "xyz")).misfits(DATA))
    assert lines[0].endswith("class a, b, c; its own are class x, y, z")
    assert lines[1].endswith("one array of 6 × 6; its own are one array of 8 × 8")


def checked(check: Any, **changes: Any) -> list[str]:
    usual = {"teacher": None, "task": TASK, "data": DATA, "name": "small"}
    given = {**usual, **changes}
    wanted = check.__code__.co_varnames[: check.__code__.co_argcount]
    return said(check(**{name: given[name] for name in wanted}))


def options(folder: Path, resume: str = "same_config") -> Any:
    return SimpleNamespace(path=lambda name: folder, resume=resume)


def test_what_is_no_teacher(tmp_path: Path) -> None:
    own = options(tmp_path / "own")
    (line,) = checked(checks.teacher_fits, teacher=tmp_path / "no", run=own)
    assert line.endswith("expected a run directory or an artifact; it is no folder")
    (line,) = checked(checks.teacher_fits, teacher=tmp_path, run=own)
    assert line.endswith("the last lines of a training say where it is")
    (line,) = checked(checks.teacher_fits, teacher=run(tmp_path / "new", steps=()), run=own)
    assert line.endswith("expected a run with a checkpoint; it was not saved yet, or "
                         "checkpoint.every is null")  # fmt: skip
    (line,) = checked(checks.teacher_fits, teacher=tmp_path / "own", run=own)
    assert line.endswith("expected another run than the one that learns from it")


def test_a_teacher_and_its_task_go_together(tmp_path: Path) -> None:
    own = options(tmp_path)
    (line,) = checked(checks.task_has_a_teacher, run=own)
    assert line.endswith("add teacher=RUN_OR_ARTIFACT")
    assert checked(checks.task_has_a_teacher, run=own, task=Classification()) == []
    (line,) = checked(checks.teacher_is_asked_for, teacher=tmp_path, task=Classification())
    assert line.endswith("the task Classification has no teacher; add task=distillation")


def test_a_run_that_was_taught_is_looked_at_without_its_teacher(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps({"teacher": {"fingerprint": "f" * 64}}))
    assert checked(checks.task_has_a_teacher, run=options(tmp_path)) == []


def test_a_run_goes_on_with_the_weights_it_learnt_from(tmp_path: Path) -> None:
    teacher = run(tmp_path / "big")
    known = find_teacher(teacher).json()
    (tmp_path / "data.json").write_text(json.dumps({"teacher": known}))
    assert checked(checks.teacher_fits, teacher=teacher, run=options(tmp_path)) == []
    (teacher / "checkpoints" / "40" / "weights").write_text("trained on")
    write_manifest(teacher / "checkpoints" / "40")
    (line,) = checked(checks.teacher_fits, teacher=teacher, run=options(tmp_path))
    assert "its weights have changed (fingerprint " in line
    allowed = options(tmp_path, "allow_changes")
    assert checked(checks.teacher_fits, teacher=teacher, run=allowed) == []


def test_nothing_is_mixed() -> None:
    mixed = replace(DATA, augmentations=(Mixup(),))
    (line,) = checked(checks.nothing_is_mixed, data=mixed)
    assert line.startswith("data.augmentations.0=Mixup: expected augmentations of one example")
    assert checked(checks.nothing_is_mixed, data=mixed, task=Classification()) == []
