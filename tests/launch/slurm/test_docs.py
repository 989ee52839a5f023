"""The batch script that docs/several_processes.md shows, as it stands there."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.experiments.launch import ROOT, SMALL, last_checkpoint
from tests.launch.slurm.single_node import Slurm
from tests.launch.slurm.test_jobs import SLOWLY, wait_for

pytestmark = pytest.mark.long


def shown(run: Path) -> str:
    """It, with the smallest run on one node in place of the words that a reader replaces."""
    text = (ROOT / "docs" / "several_processes.md").read_text()
    script = re.search(r"```bash\n(.*?)```", text, re.DOTALL)
    assert script is not None
    words = shlex.join((*SMALL, *SLOWLY, "mesh=data", f"run.dir={run}"))
    replaced = {
        "--nodes=4 --ntasks-per-node=1 --gpus-per-node=8": "--nodes=1 --ntasks-per-node=2",
        "experiment=… mesh=multislice mesh.replica=4 run.dir=/shared/runs/name": words,
        "python -m": f"{sys.executable} -m",
    }
    told = script[1]
    for old, new in replaced.items():
        assert old in told
        told = told.replace(old, new)
    return told


def test_warned_it_saves_and_is_queued_again(slurm: Slurm, tmp_path: Path) -> None:
    run, file = tmp_path / "run", tmp_path / "job.sh"
    file.write_text(shown(run))
    said = tmp_path / "said"
    where = (f"--chdir={ROOT}", f"--output={said}")
    job = slurm.ask("sbatch", "--parsable", *where, str(file)).strip()
    wait_for(lambda: last_checkpoint(run) >= 200, slurm)
    slurm.ask("scancel", "--batch", "--signal=USR2", job)
    wait_for(lambda: "Restarts=1" in slurm.ask("scontrol", "show", "job", job), slurm)
    step = last_checkpoint(run)
    assert step < 2000
    assert step % 200, "it has saved where it was, not only every 200 steps"
    wait_for(lambda: f"Continuing from step {step} of" in said.read_text(), slurm)
    slurm.ask("scancel", job)
