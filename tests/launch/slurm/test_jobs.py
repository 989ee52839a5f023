"""A job a trial, on a Slurm of one node."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from framework.launch.place import Ended
from framework.launch.slurm import SlurmJobs, SlurmOptions
from framework.launch.slurm.record import starts
from framework.launch.trial import Trial
from tests.experiments.launch import ROOT, SMALL, last_checkpoint, saved_arrays
from tests.launch.slurm.single_node import Slurm

pytestmark = pytest.mark.long


def trial(sweep: Path, number: int, *words: str) -> Trial:
    run = sweep / "trials" / str(number)
    return Trial(number, {}, (*SMALL, f"seed={number}", f'run.dir="{run}"', *words), run)


def place(**options: object) -> SlurmJobs:
    chosen = {"poll_seconds": 0.5, "cpus": 1, **options}
    return SlurmJobs(SlurmOptions(**chosen), ROOT)  # type: ignore[arg-type]


def until_all_ended(there: SlurmJobs, count: int, slurm: Slurm) -> dict[int, Ended]:
    ended: dict[int, Ended] = {}
    deadline = time.monotonic() + 240
    while len(ended) < count:
        assert time.monotonic() < deadline, (ended, slurm.ask("scontrol", "show", "job"))
        ended |= {each.number: each for each in there.wait(5.0)}
    return ended


def wait_for(what: Callable[[], bool], slurm: Slurm) -> None:
    deadline = time.monotonic() + 40
    while not what():
        assert time.monotonic() < deadline, slurm.ask("scontrol", "show", "job")
        time.sleep(0.05)


def job_of(one: Trial) -> str:
    return (one.run / "slurm" / "job.id").read_text()


def same_bits(one: Path, other: Path, step: int) -> bool:
    first, second = saved_arrays(one, step), saved_arrays(other, step)
    return first.keys() == second.keys() and all(
        np.array_equal(value, second[name]) for name, value in first.items()
    )


def codes(ended: dict[int, Ended]) -> dict[int, int | None]:
    return {number: each.code for number, each in sorted(ended.items())}


def test_a_trial_with_a_mistake_ends_with_its_message_and_the_others_are_trained(
    slurm: Slurm, tmp_path: Path
) -> None:
    there = place(max_at_once=3)
    sweep = tmp_path / "a sweep's own"  # its name needs quotes, in the script as in #SBATCH
    there.start([trial(sweep, 0), trial(sweep, 1, "model.widths=[-1]"), trial(sweep, 2)])
    assert there.free() == 0
    ended = until_all_ended(there, 3, slurm)
    assert codes(ended) == {0: 0, 1: 2, 2: 0}
    assert "model.widths" in ended[1].message
    assert ended[0].message == ""
    assert ended[0].seconds > 0
    assert [start.restart for start in starts(sweep / "trials" / "1" / "slurm")] == [0]
    assert there.free() == 3
    assert last_checkpoint(sweep / "trials" / "0") == 40


SLOWLY = ("trainer.deterministic=true", "trainer.steps=2000", "checkpoint.every=200",
          "trainer.steps_per_call=1", "evaluation.every=200")  # fmt: skip


def test_warned_it_saves_is_queued_again_and_ends_with_the_bits_of_one_that_was_left_alone(
    slurm: Slurm, tmp_path: Path
) -> None:
    there = place()
    alone, warned = trial(tmp_path / "a", 1, *SLOWLY), trial(tmp_path / "b", 1, *SLOWLY)
    there.start([warned])
    wait_for(lambda: last_checkpoint(warned.run) >= 200, slurm)
    slurm.ask("scancel", "--batch", "--signal=USR2", job_of(warned))
    ended = until_all_ended(there, 1, slurm)
    made = starts(warned.run / "slurm")
    assert codes(ended) == {1: 0}
    assert [(start.restart, start.code, start.asked) for start in made] == [
        (0, 75, "USR2"), (1, 0, ""),
    ]  # fmt: skip
    assert 200 <= made[0].step < 2000, "it was warned while it trained"
    there.start([alone])
    assert codes(until_all_ended(there, 1, slurm)) == {1: 0}
    assert same_bits(alone.run, warned.run, 2000)
    assert "ontinu" in (warned.run / "slurm" / "output.log").read_text()


def test_two_tasks_of_a_trial_are_one_run_in_one_directory_also_when_warned(
    slurm: Slurm, tmp_path: Path
) -> None:
    there = place(tasks_per_trial=2)
    one = trial(tmp_path, 0, "mesh=data", *SLOWLY)
    there.start([one])
    wait_for(lambda: last_checkpoint(one.run) >= 200, slurm)
    slurm.ask("scancel", "--batch", "--signal=USR2", job_of(one))
    ended = until_all_ended(there, 1, slurm)
    made = starts(one.run / "slurm")
    assert codes(ended) == {0: 0}
    assert len(made) == 2
    assert made[0].asked == "USR2"
    assert made[0].step < 2000
    assert last_checkpoint(one.run) == 2000
    assert "data 2" in (one.run / "slurm" / "output.log").read_text()


def test_what_is_stopped_saves_and_is_not_queued_again(slurm: Slurm, tmp_path: Path) -> None:
    there = place(cpus=3)  # of four: the second waits for the first
    first, second = (trial(tmp_path, number, *SLOWLY) for number in (0, 1))
    there.start([first, second])
    wait_for(lambda: last_checkpoint(first.run) >= 200, slurm)
    there.stop(at_once=False)
    assert there.free() == 0
    ended = until_all_ended(there, 2, slurm)
    assert codes(ended) == {0: 75, 1: 75}
    assert [(s.asked, s.code) for s in starts(first.run / "slurm")] == [("TERM", 75)]
    assert not (second.run / "checkpoints").exists()
    # The same again: each goes on.
    again = place(max_at_once=2)
    again.start([first, second])
    assert codes(until_all_ended(again, 2, slurm)) == {0: 0, 1: 0}
    assert starts(first.run / "slurm")[0].step > 0


def test_the_next_driver_takes_over_what_still_runs(slurm: Slurm, tmp_path: Path) -> None:
    one = trial(tmp_path, 0, *SLOWLY)
    place().start([one])  # and that driver is gone
    before = job_of(one)
    wait_for(lambda: last_checkpoint(one.run) >= 200, slurm)
    there = place()
    there.start([one])
    assert job_of(one) == before
    there.stop(at_once=True)
    ended = until_all_ended(there, 1, slurm)
    assert ended[0].code in (None, 75, 137)
    assert "State=RUNNING" not in slurm.ask("scontrol", "show", "job", before)


def test_a_job_that_only_ever_starts_has_an_end(slurm: Slurm, tmp_path: Path) -> None:
    there = SlurmJobs(
        SlurmOptions(poll_seconds=0.5, cpus=1), ROOT, max_tries=2, python=str(tmp_path / "python")
    )
    (tmp_path / "python").write_text("#!/bin/sh\necho 'nothing gained' >&2\nexit 75\n")
    (tmp_path / "python").chmod(0o755)
    one = trial(tmp_path, 0)
    there.start([one])
    ended = until_all_ended(there, 1, slurm)
    assert (ended[0].code, ended[0].message) == (75, "nothing gained")
    assert [start.restart for start in starts(one.run / "slurm")] == [0, 1]


def test_what_the_cluster_refuses_is_a_line(slurm: Slurm, tmp_path: Path) -> None:
    from framework.config import InvalidConfig

    with pytest.raises(InvalidConfig, match="invalid partition"):
        place(partition="nowhere").start([trial(tmp_path, 0)])
