"""Where a run's time went."""

import json
from pathlib import Path

import pytest

from framework.evaluation.effort import read_effort
from framework.evaluation.formats import duration
from framework.evaluation.history import read_curves
from framework.run import Attempt, write_attempt


def test_a_run_without_records_has_none(tmp_path: Path) -> None:
    assert read_effort(tmp_path) is None


def test_the_longest_part_comes_first(tmp_path: Path) -> None:
    write_attempt(tmp_path, Attempt(1, 0.0, 100.0, 0, 100, {"step": 60.0, "compile": 40.0}))
    write_attempt(tmp_path, Attempt(2, 110.0, 300.0, 50, 400, {"step": 190.0, "start_up": 0.01}))
    effort = read_effort(tmp_path)
    assert effort is not None
    assert effort.sentence == "5 min in 2 starts, of which 73.3% went into steps."
    assert [(part.name, part.time) for part in effort.parts] == [
        ("Steps", "4 min"), ("Compiling", "40 s"), ("Steps made again", "30 s"),
        ("Between the starts", "10 s"),
    ]  # fmt: skip
    assert sum(part.share for part in effort.parts) == pytest.approx(1, abs=1e-3)


def test_bad_steps_are_told(tmp_path: Path) -> None:
    write_attempt(tmp_path, Attempt(1, 0.0, 1.0, 0, 10, {"step": 1.0}))
    bad = {"step": 1008, "why": "the loss is nan", "action": "rewind", "passed_over": [5, 6]}
    (tmp_path / "bad_steps.json").write_text(json.dumps([bad]))
    effort = read_effort(tmp_path)
    assert effort is not None
    assert effort.bad_steps == ["Step 1,008: the loss is nan; gone back, 2 batches passed over."]


def test_its_numbers_are_no_curves(tmp_path: Path) -> None:
    line = {"step": 1, "loss": 2.0, "goodput/share": 0.5, "bad_steps": 0}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    assert list(read_curves(tmp_path / "metrics.jsonl")) == ["loss"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (119, "119 s"), (120, "2 min"),
     (7200, "2.0 h"), (200_000, "2.3 days")],
)  # fmt: skip
def test_a_time_as_a_person_says_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text
