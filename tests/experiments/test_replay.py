"""A step of a run looked into, as a user asks for it."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from framework.run import RunDirectory
from framework.train.bad_steps import BadStep, note
from tests.experiments.launch import SMALL, Ended, here

MODULE = "experiments.replay"
# The second step takes place with weights of 1e28: the head's product overflows.
DIVERGING = ("optimizer=sgd", "optimizer.learning_rate=1e30", "optimizer.clip_norm=null",
             "schedule=constant", "schedule.warmup=0")  # fmt: skip


def train(run: Path, *words: str) -> Path:
    here(*SMALL, f"run.dir={run}", *words)
    assert (run / "config.yaml").exists()
    return run


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 steps with dropout and checkpoints at 20 and 40."""
    return train(tmp_path_factory.mktemp("healthy") / "run", "model.dropout=0.3")


@pytest.fixture(scope="module")
def diverged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("diverged") / "run", *DIVERGING, "data.augmentations=[]")


Look = Callable[..., tuple[Ended, dict[str, Any]]]


@pytest.fixture
def look(capsys: pytest.CaptureFixture[str]) -> Look:
    """The command on a step of a run: how it ended and what it wrote."""

    def call(run: Path, step: int | str, *words: str) -> tuple[Ended, dict[str, Any]]:
        capsys.readouterr()
        code = here(f"run={run}", f"step={step}", *words, module=MODULE)
        file = run / "replay" / str(step) / "replay.json"
        found = json.loads(file.read_text()) if file.exists() else {}
        return Ended(code, *capsys.readouterr()), found

    return call


@pytest.fixture
def unchanged() -> Iterator[Callable[[Path], None]]:
    """Call it with a run: at the end nothing in there is other than it was, but for `replay/`."""
    before: dict[Path, Any] = {}

    def contents(run: Path) -> dict[str, tuple[int, bytes]]:
        files = (
            f for f in run.rglob("*") if f.is_file() and f.relative_to(run).parts[0] != "replay"
        )
        return {str(f): (f.stat().st_mtime_ns, f.read_bytes()) for f in files}

    yield lambda run: before.update({run: contents(run)})
    for run, files in before.items():
        assert contents(run) == files


def test_the_operation_that_overflowed(
    diverged: Path, look: Look, unchanged: Callable[[Path], None]
) -> None:
    unchanged(diverged)
    ended, found = look(diverged, 2)
    assert ended.code == 0, ended
    assert found["loss"] is None
    first = found["first"]
    assert (first["module"], first["pass"]) == ("head", "forward")
    assert first["operation"] == "dot_general"
    assert first["place"].startswith("framework/models/mlp.py:")
    assert max(first["inputs"]) > 1e25
    assert found["nearest_before"][-1]["module"] == "layers/0"
    assert "First not finite: head, forward: dot_general at framework/models/mlp.py:" in ended.out
    assert "output of layers/0: up to " in ended.out
    with np.load(diverged / "replay" / "2" / "batch.npz") as batch:
        assert {"inputs", "labels", "index"} <= set(batch)
        assert batch["inputs"].shape[0] == 32
    assert sorted(f.name for f in (diverged / "replay" / "2").iterdir()) == [
        "batch.npz", "replay.json",
    ]  # fmt: skip


def test_a_step_that_is_well_is_the_runs_own(healthy: Path, look: Look) -> None:
    """From a checkpoint on, dropout and augmentations included, the losses are those logged."""
    logged = {
        line["step"]: line["loss"]
        for line in map(json.loads, (healthy / "metrics.jsonl").read_text().splitlines())
        if "loss" in line
    }
    for step, begun in ((30, "Training again from step 20 to step 29."), (10, "from the seed")):
        ended, found = look(healthy, step)
        assert ended.code == 0, ended
        assert found["finite"]
        assert found["compiled"]["loss"] == pytest.approx(logged[step], rel=1e-6)
        assert found["loss"] == pytest.approx(logged[step], rel=1e-5)
        assert begun in ended.out
        assert "Everything is finite." in ended.out
        assert len(found["examples"]["largest"]) == len(found["largest_gradients"]) + 1 == 5
        with np.load(healthy / "replay" / str(step) / "batch.npz") as batch:
            worst = found["examples"]["largest"][0]
            assert batch["index"][worst["row"]] == worst["index"]


def test_what_goes_in_is_looked_at_first(
    look: Look, tmp_path: Path, unchanged: Callable[[Path], None]
) -> None:
    """Without the guard a run goes on with weights that are no numbers."""
    run = train(tmp_path / "run", *DIVERGING, "trainer.bad_steps=null")
    unchanged(run)
    ended, found = look(run, 25)
    assert ended.code == 0, ended
    names = [each["name"] for each in found["inputs_not_finite"]]
    assert "params/head/kernel" in names
    assert "Not finite before the step: params/head/bias (100.00%)" in ended.out
    assert "look at an earlier step" in ended.out
    assert "The loss of step 21 is not finite already." in ended.out
    assert found["from_step"] == 20


def test_a_step_after_the_training_ended(diverged: Path, look: Look) -> None:
    ended, _ = look(diverged, 20)
    assert ended.code == 2
    assert "step=20: expected at most 2; that step was bad, and the training" in ended.err


def test_batches_that_were_passed_over(healthy: Path, look: Look, tmp_path: Path) -> None:
    """A bad step is looked at as it was before its batch was left out, a later one as after."""
    run = tmp_path / "run"
    shutil.copytree(healthy, run)
    note(RunDirectory(run), BadStep(25, 24, "the loss is nan", None, None, "rewind", (24,)))
    for step, batch in ((24, 23), (25, 24), (26, 26)):
        _, found = look(run, step)
        assert found["batch"] == batch
        look(healthy, batch + 1)  # where nothing was left out
        files = (run / "replay" / str(step), healthy / "replay" / str(batch + 1))
        own, usual = (np.load(file / "batch.npz")["index"] for file in files)
        np.testing.assert_array_equal(own, usual)


def test_a_mesh_that_does_not_fit_becomes_one_device(
    healthy: Path, look: Look, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(healthy, run)
    file = run / "config.yaml"
    file.write_text(
        file.read_text()
        .replace("\nmesh:\n", "\nmesh:\n  data: 64\n", 1)
        .replace("\n  data: 1\n", "\n", 1)
        .replace("  devices: 1\n", "  devices: 64\n")
    )
    ended, found = look(run, 21)
    assert ended.code == 0, ended
    assert "On one device, as the run's mesh does not fit these" in ended.out
    assert found["finite"]


def test_mistakes_are_lines(healthy: Path, look: Look, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.yaml").write_text("seed: [0\n")
    wrong = {
        (tmp_path / "none", 3): "expected a run directory",
        (tmp_path / "broken", 3): "expected a run whose config.yaml can be read",
        (healthy, 0): "step=0: expected",
        (healthy, -1): "step=-1: expected",
        (healthy, 41): "step=41: expected at most the 40 of trainer.steps",
        (healthy, "last"): "step=last: expected",
    }
    for (run, step), line in wrong.items():
        ended, _ = look(run, step)
        assert ended.code == 2, ended
        assert line in ended.err
        assert "Traceback" not in ended.err


def test_damaged_checkpoints_are_said_and_left_where_they_are(
    healthy: Path, look: Look, tmp_path: Path, unchanged: Callable[[Path], None]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(healthy, run)
    _damage(run, 20)
    unchanged(run)
    ended, _ = look(run, 25)
    assert ended.code == 1
    assert "checkpoint 20 is damaged" in ended.err
    assert "Traceback" not in ended.err


def test_an_older_checkpoint_serves_where_the_newer_one_is_damaged(
    look: Look, tmp_path: Path
) -> None:
    run = train(tmp_path / "run", "checkpoint.every=10", "evaluation.every=10")
    kept = sorted(int(f.name) for f in (run / "checkpoints").iterdir() if f.name.isdecimal())
    _damage(run, kept[-1])
    ended, found = look(run, 40) if kept[-1] < 40 else look(run, kept[-1])
    assert ended.code == 0, ended
    assert found["from_step"] == kept[-2]


def _damage(run: Path, step: int) -> None:
    """Flips a bit in the largest file of a checkpoint."""
    files = (run / "checkpoints" / str(step) / "state").rglob("*")
    largest = max((f for f in files if f.is_file()), key=lambda f: f.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[len(content) // 2] ^= 1
    largest.write_bytes(content)
