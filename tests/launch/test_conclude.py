"""What the end of a sweep says and writes down."""

import json
from pathlib import Path

import pytest

from framework.launch.conclude import START_AGAIN, conclude
from framework.launch.objective import Objective
from framework.launch.request import Request
from framework.launch.sweep import Sweep
from framework.launch.table import Row
from framework.launch.trial import State

ACCURACY = Objective("accuracy", True)


def row(run: Path, number: int, state: State = "done", accuracy: float = 0.5) -> Row:
    return Row(number, {}, state, run=str(run), result={"validation/accuracy": accuracy})


def test_confirmations_are_no_trials(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = Sweep(tmp_path)
    rows = [row(sweep.trials / str(n), n) for n in range(2)]
    rows += [row(tmp_path / "confirm" / "1000", 0, "failed", 0.9)]
    rows += [row(tmp_path / "confirm" / "1001", 1, "done", 0.9)]
    request = Request("digits", tmp_path, (), ())
    assert conclude(request, sweep, rows, [ACCURACY], stopped=False) == 1
    said = capsys.readouterr().out.splitlines()
    assert "Trials    2 done" in said
    assert "Confirm   1 failed, 1 done" in said
    written = json.loads((tmp_path / "sweep.json").read_text())
    assert written["counts"] == {"done": 2}
    assert written["confirmations"] == {"failed": 1, "done": 1}
    assert "Best      trial 1: accuracy 0.5  " in said


@pytest.mark.parametrize(
    ("folder", "said"), [("trials", "One trial is left."), ("confirm", "One confirmation is left.")]
)
def test_what_is_left_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str, said: str
) -> None:
    rows = [row(tmp_path / folder / "1000", 0, "waiting")]
    request = Request("digits", tmp_path, (), ())
    assert conclude(request, Sweep(tmp_path), rows, [ACCURACY], stopped=True) == START_AGAIN
    assert said in capsys.readouterr().out
