"""The table of a sweep on a terminal, and plain lines elsewhere."""

import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from framework.launch.lines import Lines
from framework.launch.live import (
    BLOCKS,
    CURVE,
    Live,
    drawn,
    last_step,
    of_confirmations,
    screen,
    sparkline,
)
from framework.launch.objective import Objective
from framework.launch.request import Request
from framework.launch.table import Row, Table

ACCURACY = Objective("accuracy", maximize=True)


def shown(live: Live) -> str:
    """The table as a terminal of 120 columns has it, without colours."""
    console = Console(file=io.StringIO(), width=120)
    console.print(live)
    return console.file.getvalue()  # type: ignore[attr-defined]


def watched(folder: Path) -> Live:
    """A sweep under way."""
    live = Live([ACCURACY], steps=100)
    live.row(Row(0, {"rate": 0.1}, "done", result={"validation/accuracy": 0.9}))
    live.row(Row(1, {"rate": 0.2}, "done", result={"validation/accuracy": 0.8}))
    live.row(Row(2, {"rate": 0.30000000000000004}, "running", run=str(folder)))
    live.row(Row(3, {"rate": 0.4}, "waiting"))
    live.row(Row(4, {"rate": 0.5}, "failed", message="[red]out of memory[/red]"))
    (folder / "metrics.jsonl").write_text('{"step": 40, "loss": 1}\n{"step": 50, "lo')
    for step, value in ((10, 0.5), (20, 0.6), (30, 0.7)):
        live.evaluated(2, step, {"validation/accuracy": value})
    live.tick()
    return live


def test_it_says_what_is_best_what_runs_and_what_failed(tmp_path: Path) -> None:
    counts, best, running, failed = shown(watched(tmp_path)).splitlines()
    assert counts == "5 trials: 2 done, 1 failed, 1 running, 1 waiting"
    assert best == "best      trial 0  accuracy 0.9000  rate=0.1"
    for part in ("trial 2", "40/100", "▁▅█", "0.7000", "rate=0.3"):
        assert part in running
    assert failed == "failed    trial 4: [red]out of memory[/red]"  # words, not markup


def test_a_trial_may_have_steps_of_its_own(tmp_path: Path) -> None:
    live = Live([ACCURACY], steps=100)
    live.row(Row(0, {"trainer.steps": 2000}, "running", run=str(tmp_path)))
    assert "0/2,000" in shown(live)
    live = Live([ACCURACY], steps=None)
    live.row(Row(0, {}, "running", run=str(tmp_path)))
    assert "trial 0" in shown(live)


def test_what_has_ended_is_no_longer_among_those_that_run(tmp_path: Path) -> None:
    live = watched(tmp_path)
    live.row(Row(2, {"rate": 0.3}, "done", result={"validation/accuracy": 0.95}))
    assert "best      trial 2" in shown(live)
    assert "40/100" not in shown(live)


def test_many_that_run_are_not_all_shown(tmp_path: Path) -> None:
    live = Live([ACCURACY], steps=10)
    for number in range(15):
        live.row(Row(number, {}, "running", run=str(tmp_path)))
    assert "and 3 more" in shown(live)


def test_confirmations_begin_with_an_empty_table(tmp_path: Path) -> None:
    live = watched(tmp_path)
    other = of_confirmations(live)
    assert isinstance(other, Live)
    assert (other.rows, other.steps) == ({}, 100)
    other.row(Row(0, {}, state="running"))
    assert "1 confirmation: 1 running" in shown(other)
    assert of_confirmations(Lines(["accuracy"])) == Lines(["accuracy"], "confirmation")


def test_plain_lines_where_there_is_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Request("digits", tmp_path, (), (), settings={"trainer": {"steps": 7}})
    table = Table(tmp_path / "trials.jsonl")
    table.put(Row(0, {}))
    assert isinstance(screen(request, [ACCURACY], table), Lines)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as rich is told of a terminal
    found = screen(request, [ACCURACY], table)
    assert isinstance(found, Live)
    assert (found.steps, list(found.rows)) == (7, [0])


def test_it_is_drawn_and_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with drawn(watched(tmp_path)):
        pass
    said = capsys.readouterr().out
    assert "5 trials: 2 done" in said
    assert said.rstrip().endswith("\x1b[2K")  # each of its lines is cleared


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), max_size=100))
def test_a_curve_is_short_and_reaches_both_ends(values: list[float]) -> None:
    curve = sparkline(values)
    finite = [v for v in values if abs(v) < float("inf")]
    assert len(curve) == min(len(finite), CURVE)
    assert set(curve) <= set(BLOCKS)
    if 1 < len(finite) <= CURVE and max(finite) > min(finite):
        assert {BLOCKS[0], BLOCKS[-1]} <= set(curve)


def test_the_last_step_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    assert last_step(log) == 0
    log.write_text("".join(json.dumps({"step": n, "loss": 1.0}) + "\n" for n in range(2000)))
    assert last_step(log) == 1999
    log.write_text("null\n{}\n")
    assert last_step(log) == 0
