"""Packs from start to end: each row comes back as the run that it would be alone."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from framework.checkpoint import Checkpoints
from framework.config import InvalidConfig
from framework.run import RunDirectory
from framework.tracking import read_metrics
from framework.train import run
from framework.train.listeners.stop_request import FILE as STOP_REQUEST
from framework.train.packed import End, Job, train_packed
from framework.train.packed.memory import program_bytes
from framework.train.packed.program import PackedProgram
from tests.train.packed.jobs import CNN, MLP, job

RATES = (1e-3, 1e-2, 3e-3)
DONE = End(0, packed=True)


def jobs(folder: Path, count: int = 3, *words: str) -> list[Job]:
    """Trials of other seeds and rates, each in its own directory."""
    return [
        job(folder / str(n), *MLP, f"seed={n}", f"optimizer.learning_rate={RATES[n % 3]}", *words)
        for n in range(count)
    ]


def logged(folder: Path, name: str) -> dict[int, float]:
    """A value of metrics.jsonl by step."""
    lines = read_metrics(folder / "metrics.jsonl")
    return {line["step"]: line[name] for line in lines if name in line}


def read(file: Path) -> Any:
    return json.loads(file.read_text())


def read_evaluation(folder: Path) -> Any:
    """Its numbers."""
    return read(folder / "metrics.json")


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of rows of the programs that were asked for, in order."""
    found: list[int] = []
    original = PackedProgram.compiled

    def spy(self: PackedProgram, size: int, state: Any, batch: Any) -> Any:
        found.append(state.step.shape[0])
        return original(self, size, state, batch)

    monkeypatch.setattr(PackedProgram, "compiled", spy)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three trials as rows on two devices, which told of their ends; and the second one alone."""
    folder = tmp_path_factory.mktemp("packed")
    heard: list[tuple[int, End]] = []
    ends = train_packed(
        jobs(folder), lambda number, end: heard.append((number, end)), devices=jax.devices()[:2]
    )
    assert ends == [DONE] * 3
    assert sorted(heard, key=lambda each: each[0]) == list(enumerate(ends))
    single = job(folder / "alone", *MLP, "seed=1", "optimizer.learning_rate=1e-2", "mesh=single")
    assert run(single.experiment, single.config) == 0
    return folder


def test_a_row_is_a_complete_run_directory(folder: Path) -> None:
    for row in range(3):
        own = {path.name for path in (folder / str(row)).iterdir()}
        there = {path.name for path in (folder / "alone").iterdir()}
        assert own - {"trial.log"} == there - {"program.json"}
        assert read(folder / str(row) / "summary.json")["complete"]
        assert RunDirectory(folder / str(row)).changes(jobs(folder)[row].config) == []


def test_it_says_that_it_was_packed(folder: Path) -> None:
    for row in range(3):
        found = read(folder / str(row) / "environment.json")
        assert found["packed"] == {"rows": 3, "row": row}
    assert "packed" not in read(folder / "alone" / "environment.json")


def test_it_logged_what_it_would_have_logged_alone(folder: Path) -> None:
    for name in ("loss", "gradient_norm", "learning_rate", "validation/log_loss"):
        packed, alone = logged(folder / "1", name), logged(folder / "alone", name)
        assert list(packed) == list(alone)
        np.testing.assert_allclose(list(packed.values()), list(alone.values()), rtol=1e-4)
    names = [set().union(*read_metrics(folder / run / "metrics.jsonl")) for run in ("1", "alone")]
    assert names[1] - names[0] == {"model_flops_per_second"}  # the device is not its own
    assert names[0] <= names[1]


def test_its_evaluation_is_its_own(folder: Path) -> None:
    found = [read_evaluation(folder / name / "evaluation" / "validation") for name in "012"]
    alone = read_evaluation(folder / "alone" / "evaluation" / "validation")
    assert found[1]["log_loss"] == pytest.approx(alone["log_loss"], rel=1e-4)
    assert len({each["log_loss"] for each in found}) == 3


def test_its_checkpoints_are_those_of_a_run_alone(folder: Path) -> None:
    for name in ("1", "alone"):
        steps = Checkpoints(folder / name / "checkpoints", jobs(folder)[1].experiment.checkpoint)
        assert steps.steps() == [20, 40]


def test_a_complete_pack_has_nothing_left_to_do(folder: Path) -> None:
    before = read(folder / "0" / "environment.json"), (folder / "0/metrics.jsonl").read_text()
    assert train_packed(jobs(folder), devices=jax.devices()[:2]) == [End(0)] * 3
    assert (read(folder / "0/environment.json"), (folder / "0/metrics.jsonl").read_text()) == before


def test_a_row_is_evaluated_and_continued_alone(folder: Path, tmp_path: Path) -> None:
    """By the commands, in the directory of the first row."""
    own = shutil.copytree(folder / "0", tmp_path / "0")
    command(["experiments.evaluate", f"run={own}", "data.split=test"])
    assert read_evaluation(own / "evaluation" / "test")["examples"] == 360
    words = [w.replace("trainer.steps=40", "trainer.steps=60") for w in jobs(tmp_path)[0].overrides]
    command(["experiments.run", *words, "run.resume=allow_changes"])
    summary = read(own / "summary.json")
    assert (summary["complete"], summary["step"]) == (True, 60)
    assert list(logged(own, "loss")) == list(range(5, 65, 5))
    assert "packed" not in read(own / "environment.json")


def command(words: list[str]) -> None:
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_row_that_goes_non_finite_ends_alone(tmp_path: Path, compiled: list[int]) -> None:
    given = jobs(tmp_path)
    given[1] = job(tmp_path / "1", *MLP, "seed=1", "optimizer.learning_rate=1e38")
    ends = train_packed(given, devices=jax.devices()[:1])
    assert ends[0] == ends[2] == DONE
    assert ends[1].code == 1
    assert "not finite" in ends[1].message or "nan" in ends[1].message
    assert not (tmp_path / "1" / "summary.json").exists()
    assert (tmp_path / "1" / "bad_steps.json").exists()
    # It stays as a dummy: fewer rows would change the bits of the others.
    assert set(compiled) == {3}


def test_a_row_that_goes_back_does_so_alone(tmp_path: Path) -> None:
    words = ("trainer.bad_steps.action=rewind", "trainer.bad_steps.limit=1")
    given = jobs(tmp_path, 3, *words)
    given[1] = job(tmp_path / "1", *MLP, *words, "optimizer.learning_rate=1e38")
    ends = train_packed(given, devices=jax.devices()[:1])
    assert ends[0] == ends[2] == DONE
    assert (ends[1].code, ends[1].packed) == (1, False)
    assert len(list((tmp_path / "1" / "attempts").iterdir())) == 2


def test_pruning_compacts_to_fewer_rows(tmp_path: Path, compiled: list[int]) -> None:
    given = jobs(tmp_path, 8)
    for n in range(8):
        if n not in (2, 5):
            (tmp_path / str(n)).mkdir()
            (tmp_path / str(n) / STOP_REQUEST).write_text('{"reason": "pruned"}')
    ends = train_packed(given, devices=jax.devices()[:2])
    assert ends == [DONE] * 8
    assert sorted(set(compiled), reverse=True) == [8, 2]
    for n in range(8):
        summary = read(tmp_path / str(n) / "summary.json")
        going = n in (2, 5)
        assert (summary["complete"], summary["step"]) == (going, 40 if going else 10)
        assert summary["stopped"] == (None if going else "pruned")
        assert list(logged(tmp_path / str(n), "loss")) == list(range(5, 45 if going else 15, 5))
    (tmp_path / "3" / STOP_REQUEST).unlink()
    (tmp_path / "4" / STOP_REQUEST).unlink()
    again = train_packed([given[3], given[4]], devices=jax.devices()[:2])
    assert again == [DONE] * 2
    assert list(logged(tmp_path / "3", "loss")) == list(range(5, 45, 5))


def test_a_row_that_stops_early_is_concluded_then(tmp_path: Path, compiled: list[int]) -> None:
    words = (
        "+trainer.early_stopping._target_=framework.train.EarlyStopping",
        "+trainer.early_stopping.patience=1",
    )
    given = jobs(tmp_path, 3, *words)
    for n in (1, 2):
        given[n] = job(tmp_path / str(n), *MLP, *words, "optimizer.learning_rate=1e-30")
    assert train_packed(given, devices=jax.devices()[:1]) == [DONE] * 3
    summaries = [read(tmp_path / str(n) / "summary.json") for n in range(3)]
    assert [each["complete"] for each in summaries] == [True] * 3
    assert [each["step"] for each in summaries] == [40, 20, 20]
    assert "has not improved" in summaries[1]["stopped"]
    assert set(compiled) == {3, 1}
    # Killed between their last save and their reports, they make no further step.
    compiled.clear()
    for n in (1, 2):
        (tmp_path / str(n) / "summary.json").unlink()
    assert train_packed(given[1:], devices=jax.devices()[:1]) == [DONE] * 2
    assert compiled == []
    for n in (1, 2):
        assert read(tmp_path / str(n) / "summary.json") == summaries[n]
        assert list(logged(tmp_path / str(n), "loss")) == [5, 10, 15, 20]


def test_memory_divides_trials_into_packs(tmp_path: Path, compiled: list[int]) -> None:
    given = jobs(tmp_path, 5, "trainer.steps=20")
    sizes: list[int] = []
    original = PackedProgram.compiled
    with pytest.MonkeyPatch.context() as patch:

        def measured(self: PackedProgram, *arguments: Any) -> Any:
            found = original(self, *arguments)
            sizes.append(program_bytes(found) // arguments[1].step.shape[0])
            return found

        patch.setattr(PackedProgram, "compiled", measured)
        train_packed(jobs(tmp_path / "first", 2, "trainer.steps=20"), devices=jax.devices()[:1])
    compiled.clear()
    limit = int(2.5 * max(sizes))
    assert train_packed(given, limit=limit, devices=jax.devices()[:1]) == [DONE] * 5
    rows = [read(tmp_path / str(n) / "environment.json")["packed"]["rows"] for n in range(5)]
    assert rows == [2, 2, 2, 2, 1]


def test_rows_that_do_not_fit_after_all_are_trained_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Any:
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 byte")

    monkeypatch.setattr(PackedProgram, "compiled", full)
    given = jobs(tmp_path, 2, "trainer.steps=20")
    assert train_packed(given, devices=jax.devices()[:1]) == [End(0)] * 2


def test_convolutions_on_a_cpu_are_refused(tmp_path: Path) -> None:
    given = [job(tmp_path / str(n), *CNN, f"seed={n}") for n in range(2)]
    with pytest.raises(InvalidConfig, match="without convolutions on a CPU"):
        train_packed(given)
    assert not any(tmp_path.iterdir())


def test_trials_of_several_programs_are_several_packs(tmp_path: Path) -> None:
    words = [(), ("model.widths=[8]",), (), ("model.widths=[8]",), ("model.widths=[9]",)]
    given = [
        job(tmp_path / str(n), *MLP, f"seed={n}", "trainer.steps=20", *own)
        for n, own in enumerate(words)
    ]
    ends = train_packed(given, devices=jax.devices()[:1])
    assert [(end.code, end.packed) for end in ends] == [(0, True)] * 4 + [(0, False)]


KILLED = """
import os, signal, sys
import jax
from pathlib import Path
import framework.train.packed.row as row
from framework.train.packed import train_packed
from tests.train.packed.test_train import jobs

hear, number, count = row.Row.hear, int(sys.argv[2]), 0

def killing(self, moment):
    global count
    hear(self, moment)
    count += self.number == 2
    if moment.step >= 25 and self.number == 1:
        os.kill(os.getpid(), number)

row.Row.hear = killing
ends = train_packed(jobs(Path(sys.argv[1])), devices=jax.devices()[:1])
print([end.code for end in ends])
sys.exit(max(end.code for end in ends))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_pack_that_is_ended_goes_on(folder: Path, tmp_path: Path, number: int) -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(int(number))],
        cwd=root, capture_output=True, text=True,
    )  # fmt: skip
    if number == signal.SIGKILL:
        assert done.returncode == -number, done.stderr
    else:
        assert (done.returncode, done.stdout.strip()) == (75, "[75, 75, 75]"), done.stderr
    ends = train_packed(jobs(tmp_path), devices=jax.devices()[:1])
    # One whose first save was cut off begins anew, and so not with the others.
    assert [end.code for end in ends] == [0] * 3
    for n in "012":
        losses = logged(tmp_path / n, "loss")
        assert list(losses) == list(range(5, 45, 5))  # no step twice, none left out
        whole = logged(folder / n, "loss")
        np.testing.assert_allclose(list(losses.values()), list(whole.values()), rtol=1e-4)
        attempts = sorted(path.name for path in (tmp_path / n / "attempts").iterdir())
        assert len(attempts) == 2
