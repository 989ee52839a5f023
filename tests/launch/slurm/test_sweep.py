"""A whole sweep on a Slurm of one node, whose driver is killed."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.experiments.launch import ROOT, SMALL, end, launch, logged, start, wait_for
from tests.launch.slurm.single_node import Slurm

pytestmark = pytest.mark.long


@pytest.mark.parametrize("workers", ["null", "2"], ids=["a job a trial", "an array of workers"])
def test_the_same_command_finishes_what_a_killed_driver_left(
    slurm: Slurm, tmp_path: Path, workers: str
) -> None:
    sweep = tmp_path / "sweep"
    words = (
        "--multirun", *SMALL, "optimizer.learning_rate=1e-3,1e-2", "seed=0,1",
        "trainer.deterministic=true", f"hydra.sweep.dir={sweep}", "hydra/launcher=slurm",
        f"launch.workers={workers}", "launch.cpus=1", "launch.poll_seconds=1",
        "launch.idle_seconds=5",
    )  # fmt: skip
    driver = start(*words, cwd=ROOT)
    wait_for(lambda: any(sweep.glob("trials/*/checkpoints/*/manifest.json")), driver)
    os.killpg(driver.pid, signal.SIGKILL)
    end(driver)
    ended = launch(*words, cwd=ROOT)
    assert ended.code == 0, ended
    rows = [json.loads(line) for line in (sweep / "trials.jsonl").read_text().splitlines()]
    last = {row["number"]: row for row in rows}
    assert {number: row["state"] for number, row in last.items()} == dict.fromkeys(range(4), "done")
    for number in range(4):
        steps = [line["step"] for line in logged(sweep / "trials" / str(number)) if "loss" in line]
        assert steps == [10, 20, 30, 40], "no step twice"
    shown = slurm.ask("scontrol", "--oneliner", "show", "job").splitlines()
    made = [line for line in shown if f"JobName={sweep.name}-" in line and str(tmp_path) in line]
    assert len(made) <= 4, "nothing was submitted twice"
