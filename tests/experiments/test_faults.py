"""What the world does to a run: said in plain lines, and the run goes on or can go on."""

import json
import os
import re
import signal
from pathlib import Path

import pytest

from framework.run import RunDirectory
from framework.train.listeners.progress import Progress
from framework.train.loop import Moment
from tests.experiments.launch import SMALL, Command, logged


@pytest.fixture
def words(tmp_path: Path) -> tuple[str, ...]:
    return (*SMALL, f"run.dir={tmp_path}/run")


def test_a_tracker_that_fails_is_said_once_and_stops_nothing(
    words: tuple[str, ...], command: Command, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "events").write_text("no directory")
    ended = command(*words, "tracker=default", "tracker.wandb.enabled=false")
    assert ended.code == 0, ended
    assert ended.err.count("TensorBoard stopped recording: ") == 1
    assert "the training goes on" in ended.err
    assert len(logged(tmp_path / "run")) == 4


def test_no_tracker_at_all(words: tuple[str, ...], command: Command, tmp_path: Path) -> None:
    (tmp_path / "run" / "metrics.jsonl").mkdir(parents=True)
    ended = command(*words)
    assert ended.code == 0, ended
    assert ended.err.count("metrics.jsonl stopped recording: Is a directory") == 1
    assert (tmp_path / "run" / "report.html").exists()


DIVERGING = ("optimizer=sgd", "optimizer.learning_rate=1e30", "optimizer.clip_norm=null",
             "schedule=constant", "schedule.warmup=0")  # fmt: skip


def test_a_nan_stops_where_it_is_made(words: tuple[str, ...], command: Command) -> None:
    ended = command(*words, *DIVERGING, "debug=nan")
    assert ended.code == 1
    assert "Stopped at a number that is not finite: FloatingPointError: invalid value" in ended.err
    assert re.search(r"\(\w+\.py:\d+\)", ended.err)
    assert "Traceback" not in ended.err


def test_a_run_that_diverges_is_evaluated_all_the_same(
    words: tuple[str, ...], command: Command, tmp_path: Path
) -> None:
    ended = command(*words, *DIVERGING, "trainer.bad_steps=null")
    assert ended.code == 0, ended
    assert "log_loss" not in json.loads(
        (tmp_path / "run" / "evaluation" / "test" / "metrics.json").read_text()
    )
    assert [line["loss"] for line in logged(tmp_path / "run")] == [None] * 4
    assert "diverged" in (tmp_path / "run" / "report.html").read_text()


def test_early_stopping_counts_a_nan_as_no_improvement(
    words: tuple[str, ...], command: Command
) -> None:
    stopping = "trainer.early_stopping={metric: log_loss, patience: 2}"
    ended = command(*words, *DIVERGING, stopping, "trainer.steps=400", "trainer.bad_steps=null")
    assert ended.code == 0
    assert "log_loss of validation has not once been a number for 2 evaluations" in ended.out


def test_a_full_disk_is_a_line(
    words: tuple[str, ...], command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: RunDirectory, name: str, value: object) -> None:
        raise OSError(28, "No space left on device", str(self.path / name))

    monkeypatch.setattr(RunDirectory, "write_json", full)
    ended = command(*words)
    assert ended.code == 1
    assert re.search(r"No space left on device: \S+/run/\w+\.json", ended.err)
    assert "continues from the last checkpoint" in ended.err
    assert "Traceback" not in ended.err


def test_too_little_memory_is_a_line(words: tuple[str, ...], command: Command) -> None:
    ended = command(*words, "model.widths=[100000000000]")
    assert ended.code == 1
    assert "The device has too little memory: Out of memory allocating" in ended.err
    assert "mesh=fsdp" in ended.err


def test_interrupted_in_the_first_steps_without_checkpoints(
    words: tuple[str, ...], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Progress, moment: Moment) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(Progress, "on_step", interrupt)
    ended = command(*words, "checkpoint.every=null", "trainer.steps=4000", "evaluation=none")
    assert ended.code == 75
    assert "Stopped at step 1: interrupted by SIGTERM" in ended.out
    assert "Nothing is saved, as checkpoint.every=null: the next start begins anew." in ended.out
    # How many steps a call makes was not measured, so it is not remembered.
    assert not (tmp_path / "run" / "program.json").exists()
    assert not (tmp_path / "run" / "summary.json").exists()


def test_one_process_a_directory(words: tuple[str, ...], command: Command, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with RunDirectory(tmp_path / "run").lock():
        ended = command(*words)
    assert ended.code == 2
    assert "expected a directory in which no other process trains" in ended.err
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]


@pytest.fixture
def complete(words: tuple[str, ...], command: Command, tmp_path: Path) -> Path:
    assert command(*words).code == 0
    return tmp_path / "run"


def test_a_damaged_directory_is_told_plainly(
    complete: Path, words: tuple[str, ...], command: Command
) -> None:
    # A checkpoint whose content was altered: the one before it is taken.
    (array,) = (complete / "checkpoints" / "40" / "state" / "d").iterdir()
    content = bytearray(array.read_bytes())
    content[len(content) // 2] ^= 1
    array.write_bytes(content)
    (complete / "summary.json").unlink()
    ended = command(*words)
    assert ended.code == 0, ended
    assert "checkpoint 40 is damaged and set aside as 40.damaged" in ended.out
    assert "Continuing from step 20" in ended.out
    assert [line["step"] for line in logged(complete)] == [10, 20, 30, 40]
    # Other data than those that it was begun with.
    data = json.loads((complete / "data.json").read_text())
    (complete / "data.json").write_text(json.dumps(data | {"fingerprint": "0" * 64}))
    ended = command(*words)
    assert ended.code == 2
    assert "expected a run on the same data; their content has changed" in ended.err
    assert command(*words, "run.resume=allow_changes").code == 0
    # A record that someone edited.
    (complete / "data.json").write_text("{")
    (complete / "config.yaml").write_text("seed: [0\n")
    ended = command(*words)
    assert ended.code == 2
    assert "expected a run whose config.yaml can be read" in ended.err
    (complete / "config.yaml").write_text("nothing\n")
    assert "it holds no settings" in command(*words).err
