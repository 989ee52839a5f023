"""An array of workers that pull trials, on a Slurm of one node."""

import dataclasses
import json
import signal
from pathlib import Path

import pytest

from framework.launch.place import Ended
from framework.launch.slurm import SlurmOptions, SlurmWorkers
from framework.launch.slurm.record import starts
from framework.launch.trial import Trial
from tests.experiments.launch import ROOT, SMALL, last_checkpoint
from tests.launch.slurm.single_node import Slurm
from tests.launch.slurm.test_jobs import (
    SLOWLY,
    codes,
    trial,
    until_all_ended,
    wait_for,
)  # fmt: skip

pytestmark = pytest.mark.long


def place(sweep: Path, **options: object) -> SlurmWorkers:
    chosen = {"poll_seconds": 0.5, "cpus": 1, "workers": 2, "idle_seconds": 3.0, **options}
    return SlurmWorkers(SlurmOptions(**chosen), sweep / "slurm", ROOT)  # type: ignore[arg-type]


def test_two_workers_train_five_trials_one_of_which_is_a_mistake(
    slurm: Slurm, tmp_path: Path
) -> None:
    there = place(tmp_path)
    waiting = [trial(tmp_path, n, *(["model.widths=[-1]"] if n == 1 else [])) for n in range(5)]
    ended: dict[int, Ended] = {}
    while len(ended) < 5:
        starting = [waiting.pop(0) for _ in range(min(there.free(), len(waiting)))]
        if starting:
            there.start(starting)
        ended |= until_all_ended(there, 1, slurm)
    assert codes(ended) == {0: 0, 1: 2, 2: 0, 3: 0, 4: 0}
    assert "model.widths" in ended[1].message
    assert all(last_checkpoint(tmp_path / "trials" / str(n)) == 40 for n in (0, 2, 3, 4))
    shown = slurm.ask("scontrol", "--oneliner", "show", "job").splitlines()
    workers = [line for line in shown if "-workers" in line and str(tmp_path.name) in line]
    assert len(workers) == 2, "five trials, two jobs"
    wait_for(lambda: not any_alive(there), slurm)  # they give their machines back


def any_alive(there: SlurmWorkers) -> bool:
    return any(job.alive for job in there._jobs())


def worker_with_a_trial(sweep: Path) -> int:
    (file,) = (sweep / "slurm" / "taken").glob("*/*.json")
    return int(file.parent.name)


def test_a_worker_that_is_warned_goes_on_with_its_trial_when_it_is_queued_again(
    slurm: Slurm, tmp_path: Path
) -> None:
    there, one = place(tmp_path, workers=1), trial(tmp_path, 0, *SLOWLY)
    there.start([one])
    wait_for(lambda: last_checkpoint(one.run) >= 200, slurm)
    (job,) = (job for job in there._jobs() if job.alive)
    slurm.ask("scancel", "--batch", "--signal=USR2", job.id)
    assert codes(until_all_ended(there, 1, slurm)) == {0: 0}
    worker = tmp_path / "slurm" / "workers" / "0"
    assert [(s.restart, s.code, s.asked) for s in starts(worker)][:1] == [(0, 75, "USR2")]
    assert "ontinu" in (one.run / "trial.log").read_text()


def test_the_trial_of_a_killed_worker_is_lost_once_and_started_again(
    slurm: Slurm, tmp_path: Path
) -> None:
    there, one = place(tmp_path, workers=1), trial(tmp_path, 0, *SLOWLY)
    there.start([one])
    wait_for(lambda: last_checkpoint(one.run) >= 200, slurm)
    (job,) = (job for job in there._jobs() if job.alive)
    slurm.ask("scancel", f"--signal={signal.SIGKILL.value}", "--full", job.id)
    ended = until_all_ended(there, 1, slurm)
    assert ended[0].code is None
    assert "worker" in ended[0].message
    there.start([one])
    assert codes(until_all_ended(there, 1, slurm)) == {0: 0}


def test_stopped_workers_save_and_are_not_queued_again(slurm: Slurm, tmp_path: Path) -> None:
    there = place(tmp_path, workers=1)
    first, second = (trial(tmp_path, number, *SLOWLY) for number in (0, 1))
    there.start([first, second])  # one more than there are workers: it waits
    wait_for(lambda: last_checkpoint(first.run) >= 200, slurm)
    there.stop(at_once=False)
    assert codes(until_all_ended(there, 2, slurm)) == {0: 75, 1: 75}
    assert not any_alive(there)
    assert 200 <= last_checkpoint(first.run) < 2000
    again = dataclasses.replace(there, _running={}, _gone={})
    again.start([first])
    assert codes(until_all_ended(again, 1, slurm)) == {0: 0}


def test_the_end_of_a_trial_is_not_that_of_the_confirmation_of_its_number(
    slurm: Slurm, tmp_path: Path
) -> None:
    left = {"number": 0, "code": 1, "message": "of the trial", "nodes": "", "seconds": 1.0}
    ended = tmp_path / "slurm" / "ended" / "trials-000000.json"
    ended.parent.mkdir(parents=True)
    ended.write_text(json.dumps(left))  # for a driver that was killed before it had heard of it
    run = tmp_path / "confirm" / "1000"
    confirmation = Trial(0, {}, (*SMALL, "seed=1000", f'run.dir="{run}"'), run)
    there = place(tmp_path, workers=1)
    there.start([confirmation])
    assert codes(until_all_ended(there, 1, slurm)) == {0: 0}
    assert last_checkpoint(run) == 40


def test_a_worker_of_two_tasks_starts_both_of_each_trial(slurm: Slurm, tmp_path: Path) -> None:
    there = place(tmp_path, workers=1, tasks_per_trial=2)
    one = trial(tmp_path, 0, "mesh=data")
    there.start([one])
    assert codes(until_all_ended(there, 1, slurm)) == {0: 0}
    assert "data 2" in (one.run / "slurm" / "output.log").read_text()
    assert json.loads((one.run / "summary.json").read_text())["complete"]
