"""What must hold between an experiment and its run directory."""

from dataclasses import replace
from pathlib import Path

from framework.run import RunDirectory, RunOptions
from framework.train import record_checks as checks
from tests.train.parts import DATA, said


def test_a_run_goes_on_with_its_own_data(tmp_path: Path) -> None:
    run = RunOptions(dir=tmp_path)
    RunDirectory(tmp_path).begin({"seed": 0}, [], {}, {"fingerprint": "a" * 64}, {})
    same, other = (replace(DATA, fingerprint=letter * 64) for letter in "ab")
    assert said(checks.data_are_the_same(run, "x", same)) == []
    (line,) = said(checks.data_are_the_same(run, "x", other))
    assert "(fingerprint aaaaaaaa → bbbbbbbb)" in line
    changes = RunOptions(dir=tmp_path, resume="allow_changes")
    assert said(checks.data_are_the_same(changes, "x", other)) == []
