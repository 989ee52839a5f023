"""A small model that learns from a large one: the whole program."""

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.experiments.launch import (
    SMALL,
    Command,
    end,
    here,
    last_checkpoint,
    launch,
    losses,
    saved_arrays,
    start,
    wait_for,
)

STEPS = 1200
STUDENT = (
    *SMALL, "experiment=distil", "model.widths=[4]", "evaluation.analysis.depth=quick",
    "evaluation.analysis.resamples=50",
)  # fmt: skip


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a larger model."""
    run = tmp_path_factory.mktemp("teacher") / "run"
    assert here(*SMALL, "model.widths=[64]", f"run.dir={run}") == 0
    return run


@pytest.fixture(scope="module")
def student(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learnt from it."""
    run = tmp_path_factory.mktemp("student") / "run"
    assert here(*STUDENT, f"teacher={teacher}", f"run.dir={run}") == 0
    return run


def read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_both_are_compared(student: Path, teacher: Path) -> None:
    found = read(student / "distillation.json")
    big, small = found["teacher"], found["student"]
    assert big["parameters"] == 64 * 64 + 64 + 64 * 10 + 10
    assert small["parameters"] == 64 * 4 + 4 + 4 * 10 + 10
    assert big["bytes"] == 4 * big["parameters"]
    for who, run in ((big, teacher), (small, student)):
        measured = read(run / "summary.json")["metrics"]
        for name in ("accuracy", "log_loss"):
            one = who["metrics"][name]
            assert one["value"] == pytest.approx(measured[f"test/{name}"], rel=1e-5)
            assert one["low"] <= one["value"] <= one["high"]
            assert one["n"] == 360
        assert set(who["latency"]) == {"1", "128"}
        assert all(seconds > 0 for seconds in who["latency"].values())
    gap = small["metrics"]["accuracy"]["value"] - big["metrics"]["accuracy"]["value"]
    assert found["differences"]["accuracy"]["value"] == pytest.approx(gap, abs=1e-6)
    assert 0 < found["agreement"]["value"] < 1


def test_it_is_in_the_report_the_card_and_the_record(student: Path, teacher: Path) -> None:
    page = (student / "report.html").read_text()
    assert '<section id="distillation">' in page
    assert "Quality, size and latency" in page
    card = (student / "model_card.md").read_text()
    assert "| Learned from | digits, step 40 (run " in card
    assert "### Beside its teacher" in card
    known = read(student / "data.json")["teacher"]
    assert (known["path"], known["kind"], known["step"]) == (str(teacher), "run", 40)


def test_what_was_said_is_what_the_teacher_predicts(student: Path, teacher: Path) -> None:
    said = np.load(student / "distillation" / "outputs.npy")
    assert said.shape == (1257, 10)
    np.testing.assert_allclose(np.exp(said).sum(1), 1, rtol=1e-5)
    assert launch("run=" + str(teacher), "data.split=train", "tracker=none",
                  "evaluation.analysis.depth=none", cwd=teacher.parent,
                  module="experiments.evaluate").code == 0  # fmt: skip
    (file,) = (teacher / "evaluation").glob("train*/predictions.npz")
    with np.load(file) as predictions:
        np.testing.assert_allclose(np.exp(said), predictions["probabilities"], atol=1e-6)


@pytest.mark.long
def test_the_run_is_evaluated_and_replayed_without_its_teacher(
    student: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(student, run)
    settings = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(settings.replace("/teacher", "/nowhere"))
    ended = launch(f"run={run}", "tracker=none", cwd=tmp_path, module="experiments.evaluate")
    assert ended.code == 0, ended
    ended = launch(f"run={run}", "step=30", cwd=tmp_path, module="experiments.replay")
    assert ended.code == 0, ended
    found = read(run / "replay" / "30" / "replay.json")
    assert found["loss"] == pytest.approx(losses(run)[30], rel=1e-5)
    with np.load(run / "replay" / "30" / "batch.npz") as batch:
        said = np.load(run / "distillation" / "outputs.npy")
        np.testing.assert_array_equal(batch["teacher"], said[batch["index"]])


@pytest.mark.long
def test_an_artifact_teaches_as_its_run_does(
    teacher: Path, student: Path, tmp_path: Path, command: Command
) -> None:
    artifact = tmp_path / "artifact"
    words = (f"run={teacher}", f"export.dir={artifact}", "export.parity.examples=64")
    ended = launch(*words, cwd=tmp_path, module="scripts.export")
    assert ended.code == 0, ended
    ended = command(*STUDENT, f"teacher={artifact}", "run.dir=run", "trainer.steps=20")
    assert ended.code == 0, ended
    said, before = (
        np.load(run / "distillation" / "outputs.npy") for run in (tmp_path / "run", student)
    )
    np.testing.assert_allclose(said, before, atol=1e-3)  # this run was not calibrated
    found = read(tmp_path / "run" / "distillation.json")["teacher"]
    assert (found["kind"], found["parameters"]) == ("artifact", 64 * 64 + 64 + 64 * 10 + 10)


def test_a_plan_has_a_place_for_what_the_teacher_says(teacher: Path, tmp_path: Path) -> None:
    ended = launch(*STUDENT, f"teacher={teacher}", cwd=tmp_path, module="experiments.plan")
    assert ended.code == 0, ended


def test_a_complete_run_ends_at_once(student: Path, teacher: Path, command: Command) -> None:
    ended = command(*STUDENT, f"teacher={teacher}", f"run.dir={student}")
    assert ended.code == 0
    assert "This run is complete." in ended.out


def test_mistakes_are_found_before_anything_is_started(
    student: Path, teacher: Path, command: Command
) -> None:
    def line(*words: str) -> str:
        ended = command(*STUDENT, *words)
        assert ended.code == 2, ended
        assert "one mistake" in ended.err, ended
        return ended.err.splitlines()[1].strip()

    assert line() == (
        "teacher=null: expected a run directory or an artifact, to learn from with "
        "task=distillation; add teacher=RUN_OR_ARTIFACT"
    )
    assert line("teacher=nowhere").endswith("a run directory or an artifact; it is no folder")
    assert line(f"teacher={teacher}", "task=classification").endswith("add task=distillation")
    assert line(f"teacher={student}", f"run.dir={student}", "run.resume=allow_changes").endswith(
        "expected another run than the one that learns from it"
    )
    mixed = "data.augmentations=[{_target_: framework.data.Mixup}]"
    assert "as the teacher has seen no mixed ones" in line(f"teacher={teacher}", mixed)
    assert line(f"teacher={teacher}", "task.temperature=0").startswith("task.temperature=0")


def test_another_teacher_is_refused(student: Path, teacher: Path, command: Command) -> None:
    other = teacher.parent / "other"
    shutil.copytree(teacher, other, dirs_exist_ok=True)
    ended = command(*STUDENT, f"teacher={other}", f"run.dir={student}")
    assert ended.code == 2
    assert f"it differs in teacher: {teacher} → {other}" in ended.err


@pytest.mark.long
def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(teacher: Path, tmp_path: Path) -> None:
    words = (
        *STUDENT, f"teacher={teacher}", f"trainer.steps={STEPS}", "evaluation.every=200",
        "checkpoint.every=100", "checkpoint.metric=null", "trainer.deterministic=true",
        "trainer.log_every=100", "evaluation.analysis.depth=none", "run.dir=run",
    )  # fmt: skip
    (tmp_path / "killed").mkdir()
    (tmp_path / "untouched").mkdir()
    process = start(*words, cwd=tmp_path / "killed")
    run = tmp_path / "killed" / "run"
    wait_for(lambda: last_checkpoint(run) > 0, process)
    os.killpg(process.pid, signal.SIGKILL)
    assert end(process).code == -signal.SIGKILL
    said = (run / "distillation" / "outputs.npy").stat().st_mtime_ns
    ended = launch(*words, cwd=tmp_path / "killed")
    assert ended.code == 0, ended
    assert "Continuing from step" in ended.out
    assert "Asking the teacher" not in ended.out
    assert (run / "distillation" / "outputs.npy").stat().st_mtime_ns == said
    assert launch(*words, cwd=tmp_path / "untouched").code == 0
    ours, theirs = (saved_arrays(tmp_path / n / "run", STEPS) for n in ("killed", "untouched"))
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    assert losses(run) == losses(tmp_path / "untouched" / "run")
