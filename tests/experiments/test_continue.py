"""A run that was killed, interrupted or finished, started again with the same command."""

import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.experiments.launch import (
    SMALL,
    Command,
    Ended,
    end,
    last_checkpoint,
    launch,
    logged,
    losses,
    saved_arrays,
    start,
    wait_for,
)

STEPS = 4000
WORDS = (
    *SMALL, f"trainer.steps={STEPS}", "trainer.log_every=200", "evaluation.every=400",
    "checkpoint.every=200", "checkpoint.metric=null", "trainer.deterministic=true",
    "model.dropout=0.1", "run.dir=run",
)  # fmt: skip


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("untouched")
    ended = launch(*WORDS, cwd=folder)
    assert ended.code == 0, ended
    return folder / "run"


@dataclass(frozen=True)
class Troubled:
    """A run that was ended three times in its middle, each time started again, to its end."""

    run: Path
    killed: Ended
    terminated: Ended
    interrupted: Ended
    finished: Ended


@pytest.fixture(scope="module")
def troubled(tmp_path_factory: pytest.TempPathFactory) -> Troubled:
    folder = tmp_path_factory.mktemp("troubled")
    run = folder / "run"

    def ended_by(number: signal.Signals) -> Ended:
        saved = last_checkpoint(run)
        process = start(*WORDS, cwd=folder)
        wait_for(lambda: last_checkpoint(run) > saved, process)
        os.killpg(process.pid, number)
        return end(process)

    killed, terminated, interrupted = map(ended_by, (signal.SIGKILL, signal.SIGTERM, signal.SIGINT))
    return Troubled(run, killed, terminated, interrupted, launch(*WORDS, cwd=folder))


def test_a_killed_run_continues(troubled: Troubled) -> None:
    assert troubled.killed.code == -signal.SIGKILL
    assert re.search(rf"Continuing from step \d+00 of {troubled.run}", troubled.terminated.out)
    assert troubled.finished.code == 0, troubled.finished
    assert (troubled.run / "report.html").exists()


def test_sigterm_and_ctrl_c_save_and_ask_to_be_started_again(troubled: Troubled) -> None:
    for ended, name in ((troubled.terminated, "SIGTERM"), (troubled.interrupted, "SIGINT")):
        assert ended.code == 75, ended
        assert f"interrupted by {name}" in ended.out
        assert f"The same command with run.dir={troubled.run} continues." in ended.out
        assert "Traceback" not in ended.err
    assert "Stopping after this step and saving" in troubled.interrupted.err


def test_an_interrupted_run_continues_where_it_was(troubled: Troubled) -> None:
    before, after = (troubled.terminated, troubled.interrupted), (
        troubled.interrupted, troubled.finished)  # fmt: skip
    for first, second in zip(before, after, strict=True):
        step = first.out.split("Saved at step ")[1].split(".")[0]
        assert f"Continuing from step {step} of {troubled.run}" in second.out


def test_it_ends_with_the_same_bits(troubled: Troubled, untouched: Path) -> None:
    ours, theirs = saved_arrays(troubled.run, STEPS), saved_arrays(untouched, STEPS)
    assert ours.keys() == theirs.keys()
    assert any(np.abs(array).sum() > 0 for name, array in ours.items() if "kernel" in name)
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)


def test_it_logs_every_step_once(troubled: Troubled, untouched: Path) -> None:
    assert [line["step"] for line in logged(troubled.run)] == list(range(200, STEPS + 1, 200))
    assert losses(troubled.run) == losses(untouched)


def test_a_complete_run_ends_at_once(untouched: Path, command: Command) -> None:
    before = {path: path.stat().st_mtime_ns for path in untouched.rglob("*") if path.is_file()}
    ended = command(*WORDS, f"run.dir={untouched}")
    assert ended.code == 0
    assert "This run is complete." in ended.out
    assert f"Run       {untouched}" in ended.out
    after = {path: path.stat().st_mtime_ns for path in untouched.rglob("*") if path.is_file()}
    assert {p for p in after if p not in before or after[p] != before[p]} <= {untouched / ".lock"}


def test_another_configuration_is_refused(untouched: Path, command: Command) -> None:
    ended = command(*WORDS, f"run.dir={untouched}", "optimizer.learning_rate=0.5", "seed=3")
    assert ended.code == 2
    assert "it differs in optimizer.learning_rate: 0.001 → 0.5, seed: 0 → 3" in ended.err
    assert "run.resume=allow_changes" in ended.err


@pytest.fixture
def begun(tmp_path: Path, command: Command) -> Path:
    """A complete run of forty steps."""
    assert command(*SMALL, "model.dropout=0.1", f"run.dir={tmp_path}/run").code == 0
    return tmp_path / "run"


def test_changes_that_are_allowed_take_effect(begun: Path, command: Command) -> None:
    changed = ("trainer.steps=80", "optimizer.learning_rate=0.5", "schedule=constant",
               "schedule.warmup=0", "run.resume=allow_changes")  # fmt: skip
    ended = command(*SMALL, "model.dropout=0.4", f"run.dir={begun}", *changed)
    # Another schedule is another structure of the saved numbers.
    assert ended.code == 2
    assert "does not fit this configuration" in ended.err
    words = (*SMALL, "model.dropout=0.4", f"run.dir={begun}", "trainer.steps=80",
             "optimizer.learning_rate=0.5")  # fmt: skip
    ended = command(*words, "run.resume=allow_changes")
    assert ended.code == 0
    assert "Continuing from step 40" in ended.out
    rates = {line["step"]: line["learning_rate"] for line in logged(begun)}
    assert rates[50] > 0.1  # not the 0.001 that was saved
    arrays = saved_arrays(begun, 80)
    (dropout,) = [array for name, array in arrays.items() if "rate" in name and array.size == 1
                  and np.isclose(array, 0.4)]  # fmt: skip
    assert dropout.dtype == np.float32
    # What is run now is what the directory says, so that it continues without a word.
    assert "This run is complete." in command(*words).out
