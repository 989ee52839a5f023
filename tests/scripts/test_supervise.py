"""A run that is started until it is complete: on which codes, after what pauses, what is said."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from framework.run import Attempt, write_attempt
from scripts.run_words import given_directory, make_directory, with_directory
from scripts.supervise import Pauses, main, meaning, starts_again
from tests.experiments.launch import SMALL, environment, last_checkpoint, losses

ROOT = Path(__file__).resolve().parent.parent.parent
# Ends each time as the next word says: a code or a signal's name, at which checkpoint.
FAKE = """
import os, signal, sys, time
from pathlib import Path
run = Path(next(word for word in sys.argv if word.startswith("run.dir=")).partition("=")[2])
run.mkdir(parents=True, exist_ok=True)
count = run / "count"
number = int(count.read_text()) if count.exists() else 0
count.write_text(str(number + 1))
script = next(word for word in sys.argv if word.startswith("script=")).partition("=")[2].split(",")
end, _, step = script[min(number, len(script) - 1)].partition("@")
if step:
    (run / "checkpoints" / step).mkdir(parents=True, exist_ok=True)
    (run / "checkpoints" / step / "manifest.json").touch()
if end.isdecimal():
    sys.exit(int(end))
os.kill(os.getpid(), signal.Signals[end])
"""
QUICK = ["--pause", "0", "--module", "fake"]


@pytest.fixture
def supervise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str], list[dict[str, Any]]]]:
    """Supervises the fake; gives the exit code, the lines of stderr, and tries.jsonl."""
    (tmp_path / "fake.py").write_text(FAKE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def call(script: str, *options: str) -> tuple[int, list[str], list[dict[str, Any]]]:
        words = [*QUICK, *options, "--", f"script={script}", f"run.dir={tmp_path / 'run'}"]
        code = main(words)
        return code, capfd.readouterr().err.splitlines(), recorded(tmp_path / "run")

    return call


def recorded(run: Path) -> list[dict[str, Any]]:
    file = run / "tries.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


@pytest.mark.parametrize(
    "end", ["75", "1", "134", "137", "139", "143", "SIGKILL", "SIGTERM", "SIGABRT"]
)
def test_what_another_start_may_cure_is_started_again(supervise, end):
    code, _, tries = supervise(f"{end},0@40")
    expected = int(end) if end.isdecimal() else 128 + signal.Signals[end]
    assert code == 0
    assert [line["code"] for line in tries] == [expected, 0]


@pytest.mark.parametrize(
    ("end", "expected"), [("0", 0), ("2", 2), ("130", 130), ("SIGINT", 130), ("3", 3)]
)
def test_other_ends_are_the_end(supervise, end, expected):
    code, _, tries = supervise(f"{end}@5,0")
    assert code == expected
    assert [line["code"] for line in tries] == ([] if expected == 2 else [expected])


def test_every_try_is_recorded_and_said(supervise):
    before = time.time()
    code, lines, tries = supervise("75@20,SIGKILL@60,0@80")
    assert code == 0
    assert [(t["try"], t["code"], t["from_step"], t["step"]) for t in tries] == [
        (1, 75, 0, 20), (2, 137, 20, 60), (3, 0, 60, 80),
    ]  # fmt: skip
    moments = [moment for line in tries for moment in (line["begun"], line["ended"])]
    moments = [before, *moments, time.time()]
    assert moments == sorted(moments)
    assert lines == [
        "try 1: ended with 75 (saved, to be started again) at step 20; "
        "starting again in 0 s, 6 more without progress",
        "try 2: ended with 137 (killed) at step 60; starting again in 0 s, 6 more without progress",
        "try 3: ended with 0 (complete) at step 80",
        "3 tries",
    ]


def test_the_goodput_of_the_run_is_said(supervise, tmp_path):
    run = tmp_path / "run"
    for number, seconds in ((1, {"start_up": 2.0, "step": 6.0}), (2, {"step": 8.0})):
        write_attempt(run, Attempt(number, 10.0 * number, 10.0 * number + 8, 0, 40, seconds))
    code, lines, _ = supervise("0")
    assert code == 0
    # Of 18 seconds two were between the attempts, and the second one began anew.
    assert lines[1:] == [
        "1 try; of the time of 2 starts, 44.4% trained",
        "Seconds: start up 2.0, step 8.0, lost 6.0, stopped 2.0",
    ]


def test_attempts_that_cannot_be_read_do_not_change_the_exit_code(supervise, tmp_path):
    (tmp_path / "run" / "attempts").mkdir(parents=True)
    (tmp_path / "run" / "attempts" / "1.json").write_text('{"number"')
    code, lines, _ = supervise("130")
    assert code == 130
    assert lines[-1].startswith("1 try; what they took cannot be read: ")


def test_processes_of_a_local_cluster_are_supervised_as_one(supervise, tmp_path, capfd):
    words = ["--processes", "1", "--module", "fake", "--", "script=75@20,0@40"]
    run = tmp_path / "run"
    options = ["--pause", "0", "--module", "scripts.local_cluster"]
    assert main([*options, "--", *words, f"run.dir={run}"]) == 0
    assert [(line["code"], line["step"]) for line in recorded(run)] == [(75, 20), (0, 40)]


def test_the_count_goes_on_when_it_is_supervised_again(supervise):
    supervise("130")
    _, _, tries = supervise("130")
    assert [line["try"] for line in tries] == [1, 2]


@pytest.mark.parametrize("end", ["1", "75"])
def test_tries_without_progress_are_bounded(supervise, end):
    code, lines, tries = supervise(f"{end}@20,{end}@20", "--tries", "3")
    assert code == int(end)
    assert len(tries) == 4  # the first got to a checkpoint
    assert "given up after 3 tries without progress" in lines[3]


def test_progress_begins_the_count_anew_and_going_back_is_none(supervise):
    script = "1,1@20,1,1@10,1@40,1,1,1"
    code, lines, tries = supervise(script, "--tries", "3")
    left = [int(line.split(", ")[1].split()[0]) for line in lines if "starting again" in line]
    assert left == [2, 3, 2, 1, 3, 2, 1]
    assert (code, len(tries)) == (1, 8)


def test_a_checkpoint_without_a_manifest_is_no_progress(supervise, tmp_path):
    (tmp_path / "run" / "checkpoints" / "500").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "600.tmp").mkdir()
    (tmp_path / "run" / "checkpoints" / "600.tmp" / "manifest.json").touch()
    _, _, tries = supervise("1@20,0")
    assert [line["step"] for line in tries] == [20, 20]


def test_pauses_double_up_to_the_longest_and_progress_shortens_them():
    pauses = Pauses(tries=10**9, first=4.0, longest=60.0)
    for expected in (4, 8, 16, 32, 60, 60):
        pauses.count(False)
        seconds = pauses.seconds(1)
        assert min(0.8 * expected, 48) <= seconds <= min(1.2 * expected, 60)
    pauses.count(True)
    assert 3.2 <= pauses.seconds(137) <= 4.8
    assert pauses.seconds(75) <= 1.2
    pauses.count(False)
    pauses.count(False)
    assert 1.6 <= pauses.seconds(75) <= 2.4
    pauses.without = 10**6
    assert pauses.seconds(1) == 60
    assert (
        len(
            {pauses.seconds(75) for _ in range(20)}
            | {Pauses(1, 4, 60).seconds(1) for _ in range(20)}
        )
        > 10
    )


def test_codes_in_words():
    assert [meaning(code) for code in (137, 128 + signal.SIGBUS, 99)] == [
        "killed",
        "SIGBUS",
        "unknown",
    ]
    assert not starts_again(128)


HEARING = """
import signal, sys, time
from pathlib import Path
run = Path(sys.argv[1].partition("=")[2])
run.mkdir(exist_ok=True)
heard = []
def hear(number, frame):
    heard.append(number)
    (run / "hearing").write_text(" ".join(map(str, heard)))
    (run / "hearing").rename(run / "heard")
    if len(heard) == int(sys.argv[2]):
        time.sleep(0.3)  # one more would be heard
        sys.exit(int(sys.argv[3]))
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, hear)
(run / "ready").touch()
time.sleep(60)
"""


def started(tmp_path: Path, program: str, *words: str) -> subprocess.Popen[str]:
    """Supervises the program in a process group of its own, as a shell does."""
    (tmp_path / "fake.py").write_text(program)
    return subprocess.Popen(
        [sys.executable, str(ROOT / "scripts" / "supervise.py"), "--module", "fake",
         "--pause", "30", "--", f"run.dir={tmp_path / 'run'}", *words],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, text=True,
        stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 75), (signal.SIGINT, 130)]
)
def test_a_signal_is_handed_on_once_and_ends_it(tmp_path, number, code):
    process = started(tmp_path, HEARING, "1", str(code))
    wait_for((tmp_path / "run" / "ready").exists)
    os.killpg(process.pid, number)  # as a terminal does
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert (tmp_path / "run" / "heard").read_text() == str(int(number))
    assert [line["code"] for line in recorded(tmp_path / "run")] == [code]


def test_a_second_ctrl_c_is_handed_on_too(tmp_path):
    process = started(tmp_path, HEARING, "2", "130")
    wait_for((tmp_path / "run" / "ready").exists)
    os.killpg(process.pid, signal.SIGINT)
    wait_for((tmp_path / "run" / "heard").exists)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=60) == 130
    assert (tmp_path / "run" / "heard").read_text() == "2 2"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)])
def test_a_signal_in_a_pause_ends_it_at_once(tmp_path, number, code):
    process = started(tmp_path, FAKE, "script=1")
    wait_for((tmp_path / "run" / "tries.jsonl").exists)
    assert process.stderr is not None
    assert "starting again" in process.stderr.readline()
    begun = time.monotonic()
    process.send_signal(number)
    assert process.wait(timeout=60) == code
    assert time.monotonic() - begun < 10
    assert len(recorded(tmp_path / "run")) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="no signal at the death of a parent")
def test_a_killed_supervisor_takes_the_command_along(tmp_path):
    process = started(tmp_path, HEARING, "1", "75")
    wait_for((tmp_path / "run" / "ready").exists)
    process.kill()
    wait_for((tmp_path / "run" / "heard").exists)
    assert (tmp_path / "run" / "heard").read_text() == str(int(signal.SIGTERM))
    process.communicate()


ORPHANS = """
import os, signal, subprocess, sys, time
from pathlib import Path
run = Path(sys.argv[1].partition("=")[2])
run.mkdir(exist_ok=True)
if (run / "worker").exists():
    sys.exit(0)
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
(run / "worker").write_text(str(worker.pid))
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_command_leaves_behind_is_killed(supervise, tmp_path):
    (tmp_path / "fake.py").write_text(ORPHANS)
    assert main([*QUICK, "--", f"run.dir={tmp_path / 'run'}"]) == 0
    worker = Path("/proc", (tmp_path / "run" / "worker").read_text())
    if Path("/proc/self").exists():
        gone = ("Z", "X")
        wait_for(lambda: not worker.exists() or (worker / "stat").read_text().split()[2] in gone)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["seed=1"], None),
        (["run.dir=a", "run.dir=b"], "b"),
        (["++run.dir=b"], "b"),
        (["run.dir='a b'"], "a b"),
        (["run.dir=a", "run.dir=null"], None),
        (["run.dir=${oc.env:HOME}/x"], None),
        (["run.dir=[a"], None),
        (["run.directory=a"], None),
    ],
)  # fmt: skip
def test_the_directory_that_the_words_give(words, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert given_directory(words) == (None if expected is None else tmp_path / expected)


@pytest.mark.parametrize("name", ["plain/run-1", "a b", "it's", "a,b=c", "(x)[y]{z}", "\\'", "ü"])
def test_a_directory_is_given_as_a_word(name, tmp_path):
    assert given_directory([with_directory(tmp_path / name)]) == tmp_path / name


def test_a_directory_is_made_as_a_run_makes_it(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    first, second = (make_directory(["experiment=digits", "run.root=all"]) for _ in range(2))
    assert first is not None
    assert second is not None
    assert first != second
    assert first.parent == second.parent == tmp_path / "all" / "digits"
    assert make_directory(["nosuch=1"]) is None
    assert make_directory(["--help"]) is None
    assert capfd.readouterr() == ("", "")


def test_a_run_of_ones_own_package_is_given_a_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own" / "experiment").mkdir(parents=True)
    text = "# @package _global_\nname: mine\nseed: 4\n"
    (tmp_path / "own" / "experiment" / "mine.yaml").write_text(text)
    found = make_directory(["--config-dir", "own", "experiment=mine"])
    assert found is not None
    assert found.parent == tmp_path / "runs" / "mine"


@pytest.mark.parametrize("word", ["optimizer.learning_rate=-1", "nosuch=1"])
def test_a_mistake_is_said_once_and_leaves_nothing(word, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert main(["--", *SMALL, word]) == 2
    err = capfd.readouterr().err.splitlines()
    assert len(err) == 2
    assert err[0] == "The configuration has one mistake; nothing was started."
    assert word.partition("=")[0] in err[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("word", ["--multirun", "-m"])
def test_a_sweep_is_refused(word, capfd):
    assert main(["--", word, "seed=1,2"]) == 2
    assert capfd.readouterr().err == "--multirun is many runs; supervise each by itself.\n"


@pytest.mark.parametrize("words", [["--tries", "0"], ["--pause", "soon"], ["--longest", "-1"]])
def test_wrong_words(words, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*words, "--", "seed=1"])
    assert caught.value.code == 2
    assert "expected" in capsys.readouterr().err


def test_a_real_run_that_is_killed_in_its_middle_ends_complete(tmp_path):
    """Its first process is killed; started by the supervisor alone, which was given no run.dir."""
    steps = 3000
    words = [*SMALL, f"trainer.steps={steps}", "evaluation.every=1000", "checkpoint.every=100",
             "checkpoint.metric=null", "trainer.steps_per_call=1"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.supervise", "--pause", "0.1", "--", *words],
        cwd=tmp_path, env=environment(FRAMEWORK_CACHE=str(tmp_path / "cache")), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    runs: list[Path] = []

    def saved() -> bool:
        assert process.poll() is None
        runs[:] = tmp_path.glob("runs/digits/*")
        return bool(runs) and last_checkpoint(runs[0]) >= 200

    wait_for(saved)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (child,) = map(int, children)
    os.kill(child, signal.SIGKILL)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    (run,) = tmp_path.glob("runs/digits/*")
    assert json.loads((run / "summary.json").read_text())["complete"]
    killed, done = recorded(run)
    assert (killed["code"], done["code"], done["step"]) == (137, 0, steps)
    assert killed["step"] == done["from_step"] >= 200
    assert sorted(losses(run)) == list(range(10, steps + 1, 10))
    assert "try 1: ended with 137 (killed) at step" in err
    assert "2 tries" in err
