"""Trials of a sweep as rows of one program."""

import json
import os
import signal
from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.launch.devices import Devices
from framework.launch.packing import MOST_ROWS, UNPACKED, Packing, packing
from tests.experiments.launch import end, launch, wait_for
from tests.launch.sweeps import begin, children, losses, rows, sweep

PACKED = ("model=mlp", "model.widths=[16]", "trainer.deterministic=false", "launch.packed=true")
CPU, GPU = Devices("cpu", ("0", "1")), Devices("gpu", ("0",))


@pytest.mark.parametrize("devices", [CPU, GPU])
def test_true_packs_everywhere_and_false_nowhere(devices: Devices) -> None:
    assert packing(True, devices) == Packing(MOST_ROWS, forced=True)
    assert packing(False, devices) == UNPACKED


def test_auto_packs_on_accelerators() -> None:
    assert packing("auto", GPU) == Packing(MOST_ROWS)
    assert packing("auto", CPU) == UNPACKED


@pytest.mark.parametrize("word", ["maybe", 1, 0, 1.0])
def test_another_word_is_refused(word: object) -> None:
    expected = rf"launch.packed={word}: expected true, false or auto"
    with pytest.raises(InvalidConfig, match=expected):
        packing(word, CPU)


def test_a_sweep_is_a_pack_and_its_best_is_confirmed_alone(tmp_path: Path) -> None:
    rates = "optimizer.learning_rate=1e-3,1e-2,1e38"
    ended = sweep(tmp_path, *PACKED, rates, "seed=0,1", "sweep.confirm=1")
    assert ended.code == 1, ended  # with the two that diverge
    found = rows(tmp_path)
    assert [row.state for row in found] == ["done"] * 4 + ["failed"] * 2
    assert all(row.packed and row.tries == 1 for row in found)
    assert all("nan" in row.message or "not finite" in row.message for row in found[4:])
    for row in found[:4]:
        run = tmp_path / "sweep" / "trials" / str(row.number)
        environment = json.loads((run / "environment.json").read_text())
        assert environment["packed"] == {"rows": 6, "row": row.number}
        assert f"seed={row.values['seed']}" in environment["command"]
    confirmed = list((tmp_path / "sweep").glob("confirm*/**/environment.json"))
    assert len(confirmed) == 1
    assert "packed" not in json.loads(confirmed[0].read_text())


def test_a_worker_that_dies_takes_a_try_of_its_rows_and_nothing_else(tmp_path: Path) -> None:
    more = (*PACKED, "seed=0,1,2", "trainer.steps=300", "checkpoint.every=50")
    process = begin(tmp_path, *more, "evaluation.every=50")
    trials = tmp_path / "sweep" / "trials"
    saved = trials / "2" / "checkpoints" / "50" / "manifest.json"
    wait_for(saved.exists, process)
    for worker in children(process.pid):
        os.kill(worker, signal.SIGKILL)
    ended = end(process)
    assert ended.code == 0, ended
    assert [(row.state, row.tries, row.packed) for row in rows(tmp_path)] == [("done", 2, True)] * 3
    for number in "012":
        assert [step for step, _ in losses(trials / number)] == list(range(1, 301))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model=cnn_small",), "without convolutions on a CPU"),
        (("model=mlp", "trainer.deterministic=true"), "trainer.deterministic=false"),
    ],
)
def test_what_can_be_no_row_is_refused_before_anything_starts(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    place = "hydra.sweep.dir=sweep"
    ended = launch("--multirun", *words, "launch.packed=true", "seed=0,1", place, cwd=tmp_path)
    assert ended.code == 2
    assert said in ended.err
    assert not (tmp_path / "sweep").exists()
