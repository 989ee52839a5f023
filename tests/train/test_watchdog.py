"""A process in which nothing finishes any more ends, and says so."""

import subprocess
import sys
import time
from pathlib import Path

from framework.train.clock import Clock
from framework.train.watchdog import Watchdog
from tests.experiments.launch import ROOT, environment

PROGRAM = """
import time
from pathlib import Path
from framework.train.clock import Clock
from framework.train.watchdog import Watchdog

def waits_for_ever():
    time.sleep(60)

clock = Clock()
dog = Watchdog(0.4, clock, Path("stacks.txt"))
with dog.watching(), clock.during("{category}"):
    for _ in range(6):
        time.sleep(0.2)
        dog.beat()
    print("alive", flush=True)
    waits_for_ever()
"""


def ended(folder: Path, category: str) -> "subprocess.CompletedProcess[str]":
    program = PROGRAM.format(category=category)
    return subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_it_ends_a_process_that_waits_for_a_step(tmp_path: Path) -> None:
    found = ended(tmp_path, "step")
    assert found.returncode == 75
    assert found.stdout == "alive\n"
    assert "no step was finished for 0.4 s (trainer.hang_seconds)" in found.stderr
    assert "continues from the last checkpoint" in found.stderr
    assert "in waits_for_ever" in (tmp_path / "stacks.txt").read_text()


def test_it_says_what_was_waited_for(tmp_path: Path) -> None:
    assert "no batch came" in ended(tmp_path, "data_wait").stderr


def test_compiling_takes_as_long_as_it_takes() -> None:
    clock = Clock()
    dog = Watchdog(0.05, clock, Path("stacks.txt"))
    with dog.watching(), clock.during("compile"):
        time.sleep(0.3)


def test_it_can_be_switched_off() -> None:
    clock = Clock()
    with Watchdog(None, clock, Path("stacks.txt")).watching(), clock.during("step"):
        time.sleep(0.1)
