"""Two processes that agree, place batches and leave together; small programs, really started."""

from pathlib import Path

import pytest

from scripts import local_cluster

AGREE = """
import os, sys
import jax, numpy as np
from framework.config import InvalidConfig, Problem
from framework.parallel import *
from framework.parallel import processes
start = start_here(DistributedOptions())
processes.begin(start, 60)
number = start.process
with processes.leaving_together() as end:
    assert several() and is_first() == (number == 0)
    asked = []
    assert by_first(lambda: asked.append(number) or {"from": number}) == {"from": 0}
    assert asked == [0] * (number == 0)
    for error in (InvalidConfig(Problem("a", 1, "b")), OSError(28, "No space left on device")):
        def fails():
            raise error
        try:
            by_first(fails)
        except type(error) as caught:
            assert str(caught) == str(error)
        else:
            raise AssertionError
    assert processes.wait_for_all()

    rules = {"batch": ("replica", "data", "fsdp", "expert")}
    for sizes in ({"data": 4}, {"tensor": 4}, {"data": 2, "tensor": 2}, {"tensor": 2, "expert": 2}):
        options = MeshOptions(**sizes, rules=rules)
        mesh = build_mesh(options)
        rows = process_rows(options, mesh, 8)
        for stacked in (False, True):
            whole = np.arange(48).reshape((2, 8, 3) if stacked else (8, 6))
            mine = whole if rows is None else whole[:, rows] if stacked else whole[rows]
            placed = batch_putter(options, mesh, stacked=stacked)({"x": mine})["x"]
            assert placed.shape == whole.shape
            for shard in placed.addressable_shards:
                np.testing.assert_array_equal(np.asarray(shard.data), whole[shard.index])
    end.code = int(sys.argv[1])
print("left with", end.code)
sys.exit(end.code)
"""

ONE_FAILS = """
import sys, time
from framework.config import InvalidConfig, Problem
from framework.parallel import *
from framework.parallel import processes
processes.LEAVING = 1
start = start_here(DistributedOptions())
processes.begin(start, 60)
with processes.leaving_together():
    if is_first():
        time.sleep(60)
    raise InvalidConfig(Problem("mesh.data", 3, "another number"))
"""


def cluster(program: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    (tmp_path / "program.py").write_text(program)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    options = ["--devices", "2", "--grace", "1", "--module", "program", "--", *words]
    return local_cluster.main(options)


@pytest.mark.long
@pytest.mark.parametrize("code", [0, 75])
def test_two_processes_agree_and_leave_together(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cluster(AGREE, [str(code)], tmp_path, monkeypatch) == code
    out, err = capfd.readouterr()
    assert sorted(out.splitlines()) == [f"[0] left with {code}", f"[1] left with {code}"], err


@pytest.mark.long
def test_one_that_fails_alone_leaves_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cluster(ONE_FAILS, [], tmp_path, monkeypatch) == 2
    said = capfd.readouterr().err
    assert "[1] mesh.data=3: expected another number\n" in said
    assert "[0] is killed: another has failed" in said
