"""Slurm's own warnings: of a job's time that runs out, of a job that takes its place, and scancel.

The trial is a script that saves on SIGTERM and is complete at its second start: what is looked at
is Slurm.
"""

from pathlib import Path

import pytest

from framework.launch.slurm import SlurmJobs, SlurmOptions
from framework.launch.slurm.record import starts
from framework.launch.trial import Trial
from tests.launch.slurm.single_node import CPUS, Slurm
from tests.launch.slurm.test_jobs import codes, until_all_ended, wait_for

pytestmark = pytest.mark.long
TRIAL = """#!/bin/bash
mkdir -p "$RUN/checkpoints"
if [ -e "$RUN/checkpoints/7" ]; then echo "continued from 7"; exit 0; fi
trap 'mkdir "$RUN/checkpoints/7"; exit 75' TERM
touch "$RUN/begun"
while :; do sleep 0.1; done
"""


def started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **options: object
) -> tuple[SlurmJobs, Path]:
    run = tmp_path / "sweep" / "trials" / "0"
    monkeypatch.setenv("RUN", str(run))
    (tmp_path / "python").write_text(TRIAL)
    (tmp_path / "python").chmod(0o755)
    chosen = SlurmOptions(poll_seconds=0.5, **options)  # type: ignore[arg-type]
    there = SlurmJobs(chosen, tmp_path, python=str(tmp_path / "python"))
    there.start([Trial(0, {}, (), run)])
    return there, run


def continued(run: Path) -> bool:
    made = [(s.restart, s.code, s.asked, s.step) for s in starts(run / "slurm")]
    said = (run / "slurm" / "output.log").read_text()
    return made == [(0, 75, "USR2", 7), (1, 0, "", 7)] and said == "continued from 7\n"


def test_a_job_whose_time_runs_out_goes_on_in_another(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, run = started(tmp_path, monkeypatch, time="2", signal_seconds=60)
    assert codes(until_all_ended(there, 1, slurm)) == {0: 0}
    assert continued(run), starts(run / "slurm")


def test_a_job_that_is_preempted_goes_on_when_the_other_has_ended(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, run = started(tmp_path, monkeypatch, cpus=CPUS)
    wait_for((run / "begun").exists, slurm)
    slurm.ask("sbatch", "--partition=first", f"--cpus-per-task={CPUS}", "--wrap=sleep 3",
              "--output=/dev/null")  # fmt: skip
    assert codes(until_all_ended(there, 1, slurm)) == {0: 0}
    assert continued(run), starts(run / "slurm")


def test_a_job_that_somebody_cancels_saves_and_is_not_started_again(
    slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, run = started(tmp_path, monkeypatch)
    wait_for((run / "begun").exists, slurm)
    slurm.ask("scancel", (run / "slurm" / "job.id").read_text())
    ended = until_all_ended(there, 1, slurm)
    assert (ended[0].code, ended[0].message) == (130, "cancelled in Slurm")
    assert (run / "checkpoints" / "7").exists()
    assert [start.asked for start in starts(run / "slurm")] == ["TERM"]
