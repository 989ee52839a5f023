import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.tracking.jsonl import JsonLines, read_metrics

NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
CALLS = st.lists(
    st.tuples(st.integers(0, 5), st.dictionaries(st.sampled_from("abc"), NUMBERS, max_size=3))
)


def strict(line: str) -> dict:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    return json.loads(line, parse_constant=refuse)


def write(path: Path, calls, resume_step: int | None = None) -> None:
    lines = JsonLines(path, resume_step)
    for step, values in calls:
        lines.scalars(step, values)
    lines.close(True)


@given(CALLS)
def test_every_scalar_is_read_back(tmp_path_factory, calls):
    path = tmp_path_factory.mktemp("jsonl") / "metrics.jsonl"
    write(path, calls)
    expected: dict[int, dict] = {}
    for step, values in calls:
        expected.setdefault(step, {"step": step}).update(values)
    found = read_metrics(path)
    assert [line["step"] for line in found] == sorted(expected)
    for line in found:
        wanted = expected[line["step"]]
        assert line.keys() == wanted.keys()
        for name, value in wanted.items():
            finite = value if math.isfinite(value) else math.nan
            np.testing.assert_equal(line[name], finite)


def test_calls_for_one_step_are_one_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(
        path, [(1, {"loss": 2.0}), (2, {"loss": 1.123456789}), (2, {"loss": 1.0, "accuracy": 0.5})]
    )
    lines = [strict(line) for line in path.read_text().splitlines()]
    assert lines == [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0, "accuracy": 0.5}]


def test_what_is_not_finite_is_null(tmp_path):
    path = tmp_path / "metrics.jsonl"
    values = {"a": math.nan, "b": math.inf, "c": -math.inf, "d": np.float32(0.5), "e": np.int64(3)}
    write(path, [(0, values)])
    assert strict(path.read_text()) == {
        "step": 0, "a": None, "b": None, "c": None, "d": 0.5, "e": 3,
    }  # fmt: skip


def test_resuming_cuts_later_lines_and_a_torn_one(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, [(step, {"loss": float(step)}) for step in range(10)])
    with path.open("a") as file:
        file.write('{"step": 4, "lo')
    write(path, [(6, {"loss": 60.0})], resume_step=5)
    assert [(line["step"], line["loss"]) for line in read_metrics(path)] == [
        *((step, float(step)) for step in range(6)),
        (6, 60.0),
    ]
    assert len(path.read_text().splitlines()) == 7


def test_the_step_resumed_at_stays_one_line(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, [(5, {"loss": 1.0})])
    write(path, [(5, {"accuracy": 0.5})], resume_step=5)
    assert strict(path.read_text()) == {"step": 5, "loss": 1.0, "accuracy": 0.5}


def test_a_run_that_starts_anew_has_no_old_lines(tmp_path):
    path = tmp_path / "metrics.jsonl"
    write(path, [(5, {"loss": 1.0})])
    write(path, [(1, {"loss": 2.0})], resume_step=None)
    assert read_metrics(path) == [{"step": 1, "loss": 2.0}]


def test_lines_are_on_disk_after_a_flush(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = JsonLines(path, None)
    lines.scalars(1, {"loss": 1.0})
    lines.flush()
    assert read_metrics(path) == [{"step": 1, "loss": 1.0}]
    lines.close(True)


@pytest.mark.parametrize("torn", [b'{"step": 3', b"\xff\xfe", b"[1]", b'{"loss": 1}'])
def test_reading_leaves_torn_lines_out(tmp_path, torn):
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1, "loss": 1.0}\n' + torn)
    assert read_metrics(path) == [{"step": 1, "loss": 1.0}]


def test_an_absent_file_has_no_lines(tmp_path):
    assert read_metrics(tmp_path / "metrics.jsonl") == []
