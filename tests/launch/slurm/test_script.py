"""The batch script as text, and run by bash with Slurm's commands as small scripts."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.config.build import require
from framework.launch.slurm import SlurmOptions
from framework.launch.slurm.cluster import _parsed
from framework.launch.slurm.record import last_words, left, said, starts
from framework.launch.slurm.script import ARRAY_INDEX, Work, script

GOLDEN = Path(__file__).with_name("golden.sh")
FULL = SlurmOptions(
    partition="gpu", account="lab", qos="low", time="4:00:00", gpus=4, cpus=8, memory="64G",
    nodes=2, tasks_per_trial=8, signal_seconds=90, setup=("module load cuda",),
    sbatch=("--constraint=a100|h100",),
)  # fmt: skip


def work(folder: Path, *command: str, tasks: int = 1, array: str | None = None) -> Work:
    return Work("sweep-t0001", command, folder / "slurm", folder / "checkpoints", folder,
                max(1, tasks), tasks, array)  # fmt: skip


def test_all_of_it() -> None:
    text = script(FULL, work(Path("/shared/a b/1"), "python", "-m", "x", "a='b'", tasks=8), 3)
    assert text == GOLDEN.read_text()


def test_of_an_array_each_job_has_its_own_folder() -> None:
    of = Work("workers", ("pull", "/f", ARRAY_INDEX), Path("/f/workers") / ARRAY_INDEX,
              Path("/f/workers") / ARRAY_INDEX / "progress", Path("/"), 1, 0, "0,2")  # fmt: skip
    text = script(SlurmOptions(max_at_once=7), of, 3)
    assert "#SBATCH --array=0,2%7" in text
    assert "#SBATCH --output=/f/workers/%a/output.log" in text
    assert "folder='/f/workers/'\"$SLURM_ARRAY_TASK_ID\"" in text
    assert "pull /f ''\"$SLURM_ARRAY_TASK_ID\"'' &" in text


def timed(time: object) -> SlurmOptions:
    """As from the command line or a file."""
    target = f"{SlurmOptions.__module__}.{SlurmOptions.__qualname__}"
    options: SlurmOptions = require({"_target_": target, "time": time}, "launch")
    return options


@pytest.mark.parametrize("time", [30, 1440, "4:00:00", "2-12"])
def test_a_number_is_minutes_as_to_sbatch(time: object) -> None:
    assert f"#SBATCH --time={time}\n" in script(timed(time), work(Path("/f")), 3)


def test_a_time_that_yaml_has_made_a_number_of_is_refused_with_what_to_write() -> None:
    without_quotes = yaml.safe_load("time: 4:00:00")["time"]
    with pytest.raises(
        InvalidConfig, match=r"^launch\.time=14400: expected minutes below 3600"
    ) as e:
        timed(without_quotes)
    assert str(e.value).endswith('time: "4:00:00"; so many minutes are 10-00:00')


@pytest.mark.parametrize("time", [-1, 1.5, True])
def test_what_is_no_time_is_a_mistake(time: object) -> None:
    with pytest.raises(InvalidConfig, match="time"):
        timed(time)


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"partition": "a\nb"}, "partition"),
        ({"time": ""}, "time"),
        ({"sbatch": ("constraint",)}, "sbatch"),
        ({"nodes": 3, "tasks_per_trial": 4}, "tasks_per_trial"),
    ],
)
def test_what_cannot_be_in_a_script_is_a_mistake(wrong: dict[str, object], key: str) -> None:
    with pytest.raises(InvalidConfig, match=key):
        SlurmOptions(**wrong)  # type: ignore[arg-type]


class Slurm:
    """Its commands as scripts in a folder: what runs as a step, what was requeued."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program("srun", 'while [[ "$1" == --* ]]; do shift; done\n'
                     '"$@" & echo $! >"$HERE/step"\n'
                     "trap 'kill -9 $!' TERM  # as srun has it\nwait $!; exit $?")  # fmt: skip
        self.program("scontrol", 'case "$*" in *requeue*) echo "$*" >>"$HERE/requeued" ;;\n'
                     '*) [ -e "$HERE/step" ] && echo "StepId=1.0 State=RUNNING"\nesac')  # fmt: skip
        self.program("scancel", 'echo "$*" >>"$HERE/cancelled"\nkill -TERM "$(cat "$HERE/step")"')

    def program(self, name: str, text: str) -> None:
        (self.folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (self.folder / name).chmod(0o755)

    def start(self, text: str) -> "subprocess.Popen[bytes]":
        (self.folder / "job.sh").write_text(text)
        environment = {
            **os.environ, "PATH": f"{self.folder}{os.pathsep}{os.environ['PATH']}",
            "HERE": str(self.folder), "SLURM_JOB_ID": "1", "SLURM_JOB_NODELIST": "n1",
        }  # fmt: skip
        return subprocess.Popen(
            ["bash", str(self.folder / "job.sh")], env=environment, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def requeued(self) -> int:
        file = self.folder / "requeued"
        return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.fixture
def slurm(tmp_path: Path) -> Slurm:
    return Slurm(tmp_path)


@settings(max_examples=8, deadline=None)
@given(st.lists(st.text(st.characters(blacklist_characters="\0", codec="utf-8"), min_size=1),
                min_size=1, max_size=6))  # fmt: skip
def test_any_words_arrive_as_they_are(
    tmp_path_factory: pytest.TempPathFactory, words: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("it's a folder")
    slurm = Slurm(folder)
    slurm.program("show", 'printf "%s\\0" "$@" >"$HERE/words"')
    process = slurm.start(script(SlurmOptions(), work(folder, "show", *words), 3))
    assert process.wait(30) == 0, process.communicate()
    assert (folder / "words").read_bytes().decode().split("\0")[:-1] == words


@pytest.mark.parametrize(
    ("code", "again"), [(0, False), (1, False), (2, False), (75, True), (137, False)]
)
def test_it_is_queued_again_on_75_alone(slurm: Slurm, code: int, again: bool) -> None:
    text = script(SlurmOptions(), work(slurm.folder, "bash", "-c", f"exit {code}"), 3)
    assert slurm.start(text).wait(30) == code
    assert slurm.requeued() == again
    assert (left(slurm.folder / "slurm") is None) == again, "only the last start is its end"
    assert [start.code for start in starts(slurm.folder / "slurm")] == [code]


@pytest.mark.parametrize(("number", "again"), [(signal.SIGUSR2, 1), (signal.SIGTERM, 0)])
def test_a_warning_has_it_save_and_be_queued_again_but_a_cancel_does_not(
    slurm: Slurm, number: signal.Signals, again: int
) -> None:
    slurm.program("run", "trap 'echo saved >\"$HERE/saved\"; exit 75' TERM; touch \"$HERE/ready\"\n"
                  "while :; do sleep 0.1; done")  # fmt: skip
    process = slurm.start(script(SlurmOptions(), work(slurm.folder, "run"), 3))
    while not (slurm.folder / "ready").exists():
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait(30) == 75
    assert (slurm.folder / "saved").read_text() == "saved\n"
    assert slurm.requeued() == again
    assert (slurm.folder / "cancelled").read_text().splitlines() == ["--signal=TERM 1"]


def test_starts_that_gain_nothing_are_counted_and_bounded(slurm: Slurm) -> None:
    text = script(SlurmOptions(), work(slurm.folder, "bash", "-c", "exit 75"), 2)
    gains = script(SlurmOptions(), work(
        slurm.folder, "bash", "-c", 'mkdir -p "$HERE/checkpoints/7"; exit 75'), 2)  # fmt: skip
    for each in (text, gains, text, text):
        slurm.start(each).wait(30)
    assert slurm.requeued() == 3, "the last of four, the second in a row that gained nothing"
    assert left(slurm.folder / "slurm") is not None


def test_the_last_start_alone_has_the_last_words(tmp_path: Path) -> None:
    (tmp_path / "errors.log").write_text(
        "Job 1, start 0\nan old fault\nJob 1, start 1\n0: Two mistakes.\n0:   a=1: expected 2\n"
        "1:   a=1: expected 2\nsrun: error: vm: task 0: Exited with exit code 2\n"
    )
    assert last_words(tmp_path) == "a=1: expected 2"
    assert said("nothing known\nslurmstepd-vm: error: killed\n") == "nothing known"


def test_jobs_are_read_from_scontrol() -> None:
    line = "JobId=7 ArrayJobId=7 ArrayTaskId=0-2,5%3 JobName=x JobState=PENDING Reason=Priority"
    job = _parsed(line)
    assert (job.id, job.state, job.reason, job.indices) == (
        "7",
        "PENDING",
        "Priority",
        (0, 1, 2, 5),
    )
    assert job.alive
    assert not _parsed("JobId=8 JobName=x JobState=CANCELLED Reason=None").alive
