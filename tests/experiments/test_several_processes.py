"""Runs of two processes with four devices each, against one process with eight."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from tests.experiments.launch import (
    Ended,
    end,
    here,
    last_checkpoint,
    launch,
    logged,
    losses,
    start,
)

pytestmark = pytest.mark.long

STEPS = 20
WORDS = (
    "model=mlp", "model.widths=[16]", "tracker=none", "data.batch_size=32", "evaluation.every=10",
    "checkpoint.every=10", "trainer.log_every=1", f"trainer.steps={STEPS}",
    "trainer.steps_per_call=1", "run.dir=run", "data.augmentations=[{_target_:slow.Slow}]",
)  # fmt: skip
# Gives time to interrupt a run in its middle, and changes nothing.
SLOW = """
import os, time
class Slow:
    def __call__(self, batch, keys):
        time.sleep(float(os.environ.get("SLOW", "0")))
        return batch
"""
CLUSTER = ("--processes", "2", "--devices", "4", "--")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the user's own module."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "slow.py").write_text(SLOW)
    return folder


def alone(folder: Path, own: Path, *words: str) -> Path:
    """The run of one process with eight devices, this one; its directory."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(own)
        patch.chdir(folder)
        assert here(*WORDS, *words) == 0
    return folder / "run"


def cluster(folder: Path, own: Path, *words: str) -> Ended:
    return launch(
        *CLUSTER, *WORDS, *words, cwd=folder, module="scripts.local_cluster", PYTHONPATH=str(own)
    )


def begin(
    folder: Path, own: Path, *words: str, **more: str
) -> tuple["subprocess.Popen[str]", list[int]]:
    """A cluster whose first steps are being made, and the numbers of its processes."""
    process = start(
        *CLUSTER, *WORDS, *words, cwd=folder, module="scripts.local_cluster",
        PYTHONPATH=str(own), **more,
    )  # fmt: skip
    assert process.stderr is not None
    pids = [int(process.stderr.readline().split()[-1]) for _ in range(2)]
    metrics = folder / "run" / "metrics.jsonl"
    while not (metrics.exists() and metrics.stat().st_size):
        assert process.poll() is None, end(process)
        time.sleep(0.05)
    return process, pids


def assert_alike(run: Path, reference: Path) -> None:
    """The same losses at the same steps, and the same evaluation."""
    found, expected = losses(run), losses(reference)
    assert list(found) == list(expected) == list(range(1, STEPS + 1))
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-5)
    name = "evaluation/test/metrics.json"
    numbers, wanted = (json.loads((each / name).read_text()) for each in (run, reference))
    assert numbers.keys() == wanted.keys()
    for key in wanted:
        np.testing.assert_allclose(numbers[key], wanted[key], atol=1e-6, err_msg=key)


def files(run: Path) -> set[str]:
    """All but what is inside a checkpoint, where each process writes its part."""
    found = (path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())
    return {name for name in found if not name.startswith("checkpoints/") or "manifest" in name}


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory, own: Path) -> Path:
    return alone(tmp_path_factory.mktemp("reference"), own, "mesh=data")


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory, own: Path) -> tuple[Path, Ended]:
    """A run of two processes with FSDP, one of which was sent SIGTERM."""
    folder = tmp_path_factory.mktemp("interrupted")
    process, pids = begin(folder, own, "mesh=fsdp", SLOW="0.5")
    os.kill(pids[1], signal.SIGTERM)
    return folder, end(process)


def test_two_processes_are_one_run(tmp_path: Path, own: Path, reference: Path) -> None:
    ended = cluster(tmp_path, own, "mesh=data")
    assert ended.code == 0, ended
    run = tmp_path / "run"
    assert_alike(run, reference)
    ours = {name for name in files(run) if "ocdbt" not in name}
    assert ours == {name for name in files(reference) if "ocdbt" not in name}
    assert len(logged(run)) == len(logged(reference))
    assert (run / "summary.json").exists()
    # But for what the transport's threads may leave of a line: a number.
    others = [line for line in ended.out.splitlines() if not line.startswith("[0]")]
    assert not [line for line in others if not re.fullmatch(r"\[1\][ \d]*", line)]


def test_sigterm_to_one_stops_and_saves_all(interrupted: tuple[Path, Ended]) -> None:
    folder, ended = interrupted
    assert ended.code == 75, ended
    step = last_checkpoint(folder / "run")
    assert 0 < step < STEPS
    assert f"Stopped at step {step}: interrupted in one of the processes" in ended.out
    assert "is killed" not in ended.err


def test_an_interrupted_run_continues_on_other_processes(
    interrupted: tuple[Path, Ended], tmp_path: Path, own: Path, reference: Path
) -> None:
    for name, words in (
        ("eight", ["mesh=fsdp"]),
        ("four", ["mesh=fsdp", "mesh.devices=4", "run.resume=allow_changes"]),
    ):
        shutil.copytree(interrupted[0] / "run", tmp_path / name / "run")
        assert_alike(alone(tmp_path / name, own, *words), reference)
    shutil.copytree(interrupted[0] / "run", tmp_path / "two" / "run")
    ended = cluster(tmp_path / "two", own, "mesh=fsdp")
    assert ended.code == 0, ended
    assert "Continuing from step" in ended.out
    assert_alike(tmp_path / "two" / "run", reference)


def test_a_killed_process_ends_the_others(tmp_path: Path, own: Path) -> None:
    process, pids = begin(tmp_path, own, "mesh=data", SLOW="0.5")
    os.kill(pids[1], signal.SIGKILL)
    begun = time.monotonic()
    ended = end(process)
    assert time.monotonic() - begun < 60
    assert ended.code in (75, 128 + signal.SIGABRT, 128 + signal.SIGKILL), ended


def test_a_mesh_that_does_not_fit_ends_all_with_a_line(tmp_path: Path, own: Path) -> None:
    ended = cluster(tmp_path, own, "mesh=single")
    assert ended.code == 2, ended
    line = "  mesh.devices=1: expected all 8 devices of the 2 processes; mesh=data takes them"
    assert ended.err.splitlines().count(f"[0] {line}") == 1
    assert ended.err.splitlines().count(f"[1] {line}") == 1
    assert not (tmp_path / "run").exists()


def test_a_wrong_configuration_does_not_wait_for_the_others(tmp_path: Path, own: Path) -> None:
    told = {"JAX_COORDINATOR_ADDRESS": "127.0.0.1:1", "FRAMEWORK_PROCESSES": "2"}
    begun = time.monotonic()
    ended = launch(
        *WORDS, "model.width=3", "distributed.process=1",
        cwd=tmp_path, PYTHONPATH=str(own), **told,
    )  # fmt: skip
    assert time.monotonic() - begun < 60  # `initialize` would wait for five minutes
    assert ended.code == 2, ended
    assert "model.width=3: expected a key of 'model'" in ended.err
    assert "Traceback" not in ended.err
