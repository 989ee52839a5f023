"""Several processes on one machine: what they are told, their output, signals and exit codes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from framework.parallel.distributed import DistributedOptions, Start, how_to_start
from scripts.local_cluster import environment, main, overall

ROOT = Path(__file__).resolve().parent.parent.parent
FAST = """
import os, signal, sys, time
number = os.environ["FRAMEWORK_PROCESS"]
print("begun", *sys.argv[1:], flush=True)
"""


def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> list[str]:
    (tmp_path / "fast.py").write_text(FAST + body)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return ["--module", "fast", "--grace", "0.5"]


def test_each_process_is_told_how_to_find_the_others() -> None:
    given = {"XLA_FLAGS": "--a=1 --xla_force_host_platform_device_count=8", "PATH": "/bin"}
    told = environment(given, process=2, processes=3, devices=4, port=1234)
    assert told["XLA_FLAGS"].split() == ["--a=1", "--xla_force_host_platform_device_count=4"]
    assert told["PATH"] == "/bin"
    found = how_to_start(DistributedOptions(), told, tpu=False)
    assert found == Start("JAX_COORDINATOR_ADDRESS", "127.0.0.1:1234", 3, 2)


@pytest.mark.parametrize(
    ("codes", "killed", "code"),
    [
        ([0, 0], [False, False], 0),
        ([75, 75], [False, False], 75),
        ([0, 2, 1], [False] * 3, 2),
        ([1, -6], [False, False], 1),
        ([-9, 75], [False, False], 75),  # the one that could still say what to do
        ([-6, -9], [False, False], 128 + 9),
        ([2, -9], [False, True], 2),
        ([-9, -9], [False, True], 128 + 9),
        ([0, -9], [False, True], 128 + 9),
    ],
)
def test_the_most_telling_exit_code(codes: list[int], killed: list[bool], code: int) -> None:
    assert overall(codes, killed) == code


def test_lines_are_prefixed_and_words_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    options = write(tmp_path, monkeypatch, "print('to err', file=sys.stderr)")
    assert main([*options, "--processes", "3", "--", "a=b", "--flag"]) == 0
    out, err = capfd.readouterr()
    assert sorted(out.splitlines()) == [f"[{n}] begun a=b --flag" for n in range(3)]
    assert {f"[{n}] to err" for n in range(3)} <= set(err.splitlines())


def test_the_transport_is_not_heard_whose_threads_write_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    said = "is connected to 1 peer ranks. Expected number of connected peer ranks is : 1"
    lines = [f"[Gloo] Rank 0 {said}", f"[Gloo] Rank [Gloo] Rank 1 {said}", f" {said}", said[16:]]
    options = write(tmp_path, monkeypatch, f"print({chr(10).join(lines)!r}, 'not', sep='\\n')")
    assert main([*options, "--processes", "1"]) == 0
    assert capfd.readouterr().out.split() == ["[0]", "begun", "[0]", "not"]


def test_the_rest_is_killed_soon_after_one_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    options = write(tmp_path, monkeypatch, "sys.exit(3) if number == '1' else time.sleep(60)")
    begun = time.monotonic()
    assert main(options) == 3
    assert time.monotonic() - begun < 30
    assert "[0] is killed: another has failed" in capfd.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_handed_on_once(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
def hear(number, frame):
    print("heard", number, flush=True)
    time.sleep(0.3)  # a second one would be heard
    sys.exit(75)
signal.signal(signal.SIGTERM, hear)
signal.signal(signal.SIGINT, hear)
print("ready", flush=True)
time.sleep(60)
"""
    options = write(tmp_path, monkeypatch, body)
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.local_cluster", *options],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []
    while sum("ready" in line for line in lines) < 2:
        lines.append(process.stdout.readline())
    os.killpg(process.pid, number)  # as a terminal does
    rest = process.stdout.read().splitlines()
    assert process.wait(timeout=60) == 75
    assert sorted(rest) == [f"[{n}] heard {int(number)}" for n in range(2)]


@pytest.mark.skipif(sys.platform != "linux", reason="no signal at the death of a parent")
def test_a_killed_cluster_takes_its_processes_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = """
from pathlib import Path
def hear(heard, frame):
    Path(f"heard-{number}").write_text(str(heard))
    sys.exit(75)
signal.signal(signal.SIGTERM, hear)
Path(f"ready-{number}").touch()
time.sleep(60)
"""
    options = write(tmp_path, monkeypatch, body)
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.local_cluster", *options],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def wait_for(name: str) -> list[Path]:
        deadline = time.monotonic() + 60
        while len(found := sorted(tmp_path.glob(f"{name}-*"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return found

    wait_for("ready")
    process.kill()
    process.wait()
    assert [path.name for path in wait_for("heard")] == ["heard-0", "heard-1"]


def test_wrong_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--processes", "0"])
    assert caught.value.code == 2
    assert "0: expected a positive number" in capsys.readouterr().err
