"""The table of trials outlives any cut of its file."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework.launch.table import Row, Table

ROWS = [
    Row(0, {"seed": 0}), Row(1, {"seed": 1}), Row(0, {"seed": 0}, "running", 1),
    Row(0, {"seed": 0}, "done", 1, 2.5, "cpu", {"validation/accuracy": 0.5}), Row(2, {"é": "ü"}),
]  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    table = Table(tmp_path / "trials.jsonl")
    table.put(*ROWS)
    return tmp_path / "trials.jsonl"


def test_the_last_line_of_a_number_counts(path: Path) -> None:
    table = Table(path)
    assert list(table) == [ROWS[3], ROWS[1], ROWS[4]]
    assert table[0].ended
    assert not table[1].ended
    assert 2 in table
    assert 3 not in table


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, 10_000))
def test_wherever_the_file_is_cut_whole_lines_count_and_more_can_be_added(
    path: Path, cut: int
) -> None:
    text = path.read_bytes()
    short = path.with_name("short.jsonl")
    short.write_bytes(text[: cut % (len(text) + 1)])
    table = Table(short)
    before = list(table)
    whole = short.read_bytes().count(b"\n")
    expected = {row.number: row for row in ROWS[:whole]}
    # A last line that lacks but its end is whole.
    longer = {row.number: row for row in ROWS[: whole + 1]}
    assert {row.number: row for row in before} in (expected, longer)
    table.put(replace(ROWS[1], state="failed"))
    again = list(Table(short))
    assert Table(short)[1].state == "failed"
    assert [row for row in again if row.number != 1] == [row for row in before if row.number != 1]


def test_a_change_is_written_at_once(path: Path) -> None:
    Table(path).change(1, state="running", tries=1)
    assert Table(path)[1] == Row(1, {"seed": 1}, "running", 1)
