"""A process in which nothing finishes any more ends, and says so."""

import subprocess
import sys
from pathlib import Path

from tests.experiments.launch import ROOT, environment

PROGRAM = """
import time
from pathlib import Path
from framework.train.clock import Clock
from framework.train.watchdog import Watchdog

def waits_for_ever():
    time.sleep({wait})

clock = Clock()
dog = Watchdog({seconds}, clock, Path("stacks.txt"))
with dog.watching(), clock.during("{category}"):
    for _ in range(6):
        time.sleep(0.4)
        dog.beat()
    print("alive", flush=True)
    waits_for_ever()
    print("waited", flush=True)
"""


def ended(
    folder: Path, category: str, seconds: float | None = 1.5, wait: float = 60.0
) -> "subprocess.CompletedProcess[str]":
    program = PROGRAM.format(category=category, seconds=seconds, wait=wait)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_it_ends_a_process_that_waits_for_a_step(tmp_path: Path) -> None:
    found = ended(tmp_path, "step")
    assert found.returncode == 75
    assert found.stdout == "alive\n"
    assert "no step was finished for 1.5 s (trainer.hang_seconds)" in found.stderr
    assert "continues from the last checkpoint" in found.stderr
    assert "in waits_for_ever" in (tmp_path / "stacks.txt").read_text()


def test_it_says_what_was_waited_for(tmp_path: Path) -> None:
    assert "no batch came" in ended(tmp_path, "data_wait").stderr


def test_compiling_takes_as_long_as_it_takes(tmp_path: Path) -> None:
    found = ended(tmp_path, "compile", wait=4.0)
    assert (found.returncode, found.stdout) == (0, "alive\nwaited\n")
    assert not (tmp_path / "stacks.txt").exists()


def test_it_can_be_switched_off(tmp_path: Path) -> None:
    found = ended(tmp_path, "step", seconds=None, wait=4.0)
    assert (found.returncode, found.stdout) == (0, "alive\nwaited\n")
