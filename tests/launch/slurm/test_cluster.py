"""A controller that does not answer, or refuses: Slurm's commands as scripts."""

import os
from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.launch.place import Ended
from framework.launch.request import Request
from framework.launch.slurm import SlurmJobs, SlurmOptions, SlurmWorkers, make_place
from framework.launch.slurm.place import job_name
from framework.launch.trial import Trial


class Commands:
    """What each of them does next."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.does("scontrol", "true")
        self.does("scancel", f'echo "$*" >>{folder}/cancelled')
        self.does("sbatch", "echo 7")

    def does(self, name: str, text: str) -> None:
        (self.folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (self.folder / name).chmod(0o755)

    def fails(self, name: str, said: str) -> None:
        self.does(name, f"echo '{name}: error: {said}' >&2; exit 1")


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Commands(folder)


def place(tmp_path: Path) -> SlurmJobs:
    return SlurmJobs(SlurmOptions(poll_seconds=0.01), tmp_path)


def trial(tmp_path: Path, number: int = 0) -> Trial:
    run = tmp_path / "sweep" / "trials" / str(number)
    return Trial(number, {}, (f"run.dir={run}",), run)


def test_a_job_that_was_not_taken_is_queued_later(commands: Commands, tmp_path: Path) -> None:
    there, one = place(tmp_path), trial(tmp_path)
    commands.fails("sbatch", "Batch job submission failed: Socket timed out on send/recv operation")
    there.start([one])
    assert there.free() == 0
    assert there.wait(0.05) == []
    commands.does("sbatch", "echo '8;cluster'")
    name = job_name(one)
    commands.does("scontrol", f"echo 'JobId=8 JobName={name} JobState=PENDING'")
    assert there.wait(0.05) == []
    assert (one.run / "slurm" / "job.id").read_text() == "8"


def test_what_was_not_queued_when_all_is_stopped_ends_as_to_be_continued(
    commands: Commands, tmp_path: Path
) -> None:
    there = place(tmp_path)
    commands.fails("sbatch", "Job violates accounting/QOS policy (job submit limit, user's size)")
    there.start([trial(tmp_path)])
    there.stop(at_once=False)
    assert there.wait(0.0) == [Ended(0, 75, "not queued yet")]


def test_nothing_is_concluded_while_the_controller_is_away(
    commands: Commands, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = place(tmp_path)
    there.start([trial(tmp_path)])
    commands.fails("scontrol", "Unable to contact slurm controller (connect failure)")
    for _ in range(5):
        assert there.wait(0.02) == []
    name = job_name(trial(tmp_path))
    commands.does("scontrol", f"echo 'JobId=7 JobName={name} JobState=NODE_FAIL'")
    found = [ended for _ in range(5) for ended in there.wait(0.02)]
    assert [(each.number, each.code) for each in found] == [(0, None)]
    assert "job 7" in found[0].message
    away, back = capfd.readouterr().err.splitlines()
    assert away.startswith("scontrol: Unable to contact slurm controller (connect failure). ")
    assert back == "Slurm answers again."


def test_what_is_refused_is_a_mistake(commands: Commands, tmp_path: Path) -> None:
    commands.fails("sbatch", "Batch job submission failed: Invalid qos specification")
    with pytest.raises(InvalidConfig, match="Invalid qos specification"):
        place(tmp_path).start([trial(tmp_path)])


POLICY = "Batch job submission failed: Invalid account or account/partition combination"


def test_what_is_refused_while_others_run_fails_by_itself(
    commands: Commands, tmp_path: Path
) -> None:
    there, one = place(tmp_path), trial(tmp_path)
    there.start([one])
    commands.does("scontrol", f"echo 'JobId=7 JobName={job_name(one)} JobState=RUNNING'")
    commands.fails("sbatch", "Batch job submission failed: Socket timed out on send/recv operation")
    there.start([trial(tmp_path, 1), trial(tmp_path, 2)])
    assert there.wait(0.02) == []
    commands.fails("sbatch", POLICY)
    ended = [each for _ in range(5) for each in there.wait(0.02)]
    assert [(each.number, each.code) for each in ended] == [(1, 2), (2, 2)]
    assert POLICY in ended[0].message
    assert there.free() == 99, "the first one runs"


def workers(tmp_path: Path) -> SlurmWorkers:
    options = SlurmOptions(poll_seconds=0.01, workers=2)
    return SlurmWorkers(options, tmp_path / "sweep" / "slurm", tmp_path)


def test_workers_that_are_refused_are_a_mistake(commands: Commands, tmp_path: Path) -> None:
    commands.fails("sbatch", POLICY)
    with pytest.raises(InvalidConfig, match="Invalid account"):
        workers(tmp_path).start([trial(tmp_path)])


def test_where_more_workers_are_refused_those_that_are_there_go_on(
    commands: Commands, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    there = workers(tmp_path)
    there.start([trial(tmp_path)])
    alive = f"JobId=7 ArrayTaskId=0 JobName={there._name} JobState=RUNNING"
    commands.does("scontrol", f"echo '{alive}'")
    commands.fails("sbatch", POLICY)
    there.start([trial(tmp_path, 1)])
    assert [each for _ in range(5) for each in there.wait(0.02)] == []
    (line,) = capfd.readouterr().err.splitlines()
    assert POLICY in line
    commands.does("scontrol", "true")  # it has given its machine back, or is lost
    ended = [each for _ in range(5) for each in there.wait(0.02)]
    assert [(each.number, each.code) for each in ended] == [(0, 2), (1, 2)]
    assert POLICY in ended[0].message
    commands.does("sbatch", "echo 8")
    there.start([trial(tmp_path, 2)])
    assert there.wait(0.0) == []


def request(tmp_path: Path, **launch: object) -> Request:
    return Request("digits", tmp_path, (), (), launcher="slurm", launch=launch)


def test_places_of_settings(commands: Commands, tmp_path: Path) -> None:
    jobs = make_place(request(tmp_path, gpus=2, max_tries=5, retry_failed=False, setup=["a b"]))
    assert isinstance(jobs, SlurmJobs)
    assert (jobs.options.gpus, jobs.options.setup, jobs.max_tries) == (2, ("a b",), 5)
    workers = make_place(request(tmp_path, workers=3))
    assert isinstance(workers, SlurmWorkers)
    assert workers.free() == 3


def test_mistakes_in_settings_are_lines(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InvalidConfig, match=r"launch\.gpu=2.*gpus"):
        make_place(request(tmp_path, gpu=2))
    with pytest.raises(InvalidConfig, match=r"^launch\.tasks_per_trial=3: expected a multiple"):
        make_place(request(tmp_path, nodes=2, tasks_per_trial=3))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InvalidConfig, match="hydra/launcher=slurm: expected a machine that has"):
        make_place(request(tmp_path))
