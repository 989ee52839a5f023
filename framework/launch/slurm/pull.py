"""A worker of an array: takes trials from a folder, one after another, until there are none.

    python -m framework.launch.slurm.pull FOLDER NUMBER --tasks=1 --idle=120

Only the batch script's one process claims, see `claims`. A worker that is told to end leaves its
trial in `taken`, and goes on with it when its job is queued again.

A trial of one process runs in a process that lives for many trials and compiles a program once; one
of several processes is started with srun.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from framework.launch.evidence import saved_step
from framework.launch.process import Process
from framework.launch.slurm.claims import ENDED, TAKEN, WORKERS, claimed
from framework.launch.slurm.record import said
from framework.launch.slurm.script import ERRORS, OUTPUT, RECORD
from framework.run import write_text

START_AGAIN = 75
_LOOK = 1.0  # seconds between looks for a trial
_LOG = "trial.log"


@dataclass
class Asked:
    """Whether SIGTERM has come, and what to do when it does."""

    told: threading.Event = field(default_factory=threading.Event)
    act: Callable[[], None] = field(default=lambda: None)

    def hear(self, number: int, frame: Any) -> None:
        """The signal's handler."""
        del number, frame
        if not self.told.is_set():  # a second signal would kill a process that is about to end
            self.told.set()
            self.act()


def pull(folder: Path, worker: int, tasks: int, idle: float, cpus: int | None) -> int:
    """Trains what there is; returns 0 when nothing came for `idle` seconds, 75 when told to end."""
    asked = Asked()
    signal.signal(signal.SIGTERM, asked.hear)
    mine = folder / TAKEN / str(worker)
    mine.mkdir(parents=True, exist_ok=True)
    runner: _Alone | _Several = _Alone() if tasks == 1 else _Several(tasks, cpus)
    since = time.monotonic()
    while not asked.told.is_set():
        file = claimed(folder, mine)
        if file is None:
            if time.monotonic() - since > idle:
                return 0
            time.sleep(_LOOK)
            continue
        trial = json.loads(file.read_text())
        run, begun = Path(trial["run"]), time.monotonic()
        before = saved_step(run)
        code, message = runner.train(run, trial["words"], asked)
        if code == 0 or saved_step(run) > before:
            _gain(folder / WORKERS / str(worker) / "progress")
        if asked.told.is_set() and code != 0:
            break  # it stays taken
        ended = {
            "number": trial["number"], "code": code, "message": message,
            "nodes": os.environ.get("SLURM_JOB_NODELIST", ""),
            "seconds": round(time.monotonic() - begun, 3),
        }  # fmt: skip
        write_text(folder / ENDED / file.name, json.dumps(ended) + "\n")
        file.unlink()
        since = time.monotonic()
    return START_AGAIN


def _gain(progress: Path) -> None:
    """One more entry, which the batch script counts."""
    progress.mkdir(parents=True, exist_ok=True)
    (progress / str(len(list(progress.iterdir())) + 1)).touch()


class _Alone:
    """Trains in one process for many trials."""

    def __init__(self) -> None:
        self._process = self._new()

    def train(self, run: Path, words: Sequence[str], asked: Asked) -> tuple[int | None, str]:
        """Exit code and message."""
        asked.act = self._process.ask_to_stop
        self._process.send({"run": {"number": 0, "words": words, "log": str(run / _LOG)}})
        if asked.told.is_set():
            self._process.ask_to_stop()
        ended: dict[str, Any] | None = None
        try:
            ready = False
            while not ready:
                message = self._process.hear(_LOOK) or {}
                ended = message.get("ended", ended)
                ready = "ready" in message
        except EOFError:  # it leaves by itself where it is not fit for another trial
            code = self._process.code()
            ended = ended or {"code": code, "message": f"its process ended with {code}"}
            self._process.kill()
            self._process = self._new()
        assert ended is not None
        return ended["code"], ended["message"]

    def _new(self) -> Process:
        process = Process()
        process.send({"devices": {"environment": {}, "cores": []}})
        return process


class _Several:
    """Starts the processes of each trial with srun."""

    def __init__(self, tasks: int, cpus: int | None) -> None:
        own = () if cpus is None else (f"--cpus-per-task={cpus}",)
        self._srun = ("srun", f"--ntasks={tasks}", *own, "--label", "--kill-on-bad-exit=1",
                      "--unbuffered")  # fmt: skip

    def train(self, run: Path, words: Sequence[str], asked: Asked) -> tuple[int | None, str]:
        """Exit code and message."""
        folder = run / RECORD
        folder.mkdir(parents=True, exist_ok=True)
        command = [*self._srun, sys.executable, "-m", "experiments.run", *words]
        with (folder / OUTPUT).open("ab") as out, (folder / ERRORS).open("ab+") as errors:
            start = errors.tell()
            asked.act = lambda: None
            child = subprocess.Popen(command, stdout=out, stderr=errors)
            sent = False
            while (code := _polled(child)) is None:
                if asked.told.is_set() and not sent:
                    sent = _tell_step()
            errors.seek(start)
            return code, "" if code == 0 else said(errors.read().decode(errors="replace"))


def _polled(child: "subprocess.Popen[bytes]") -> int | None:
    try:
        return child.wait(_LOOK)
    except subprocess.TimeoutExpired:
        return None


def _tell_step() -> bool:
    """SIGTERM to the tasks: srun itself would kill them on it. Whether there was a step."""
    job = os.environ["SLURM_JOB_ID"]
    shown = subprocess.run(
        ["scontrol", "--oneliner", "show", "step", job], text=True, capture_output=True, check=False
    )
    lines = [line for line in shown.stdout.splitlines() if "State=RUNNING" in line]
    if not any(".batch " not in line and ".extern " not in line for line in lines):
        return False
    subprocess.run(["scancel", "--signal=TERM", job], check=False)
    return True


def main() -> int:
    """As the batch script starts it."""
    parser = argparse.ArgumentParser(prog="python -m framework.launch.slurm.pull")
    parser.add_argument("folder", type=Path)
    parser.add_argument("worker", type=int)
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--idle", type=float, default=120.0)
    parser.add_argument("--cpus", type=int)
    chosen = parser.parse_args()
    return pull(chosen.folder, chosen.worker, chosen.tasks, chosen.idle, chosen.cpus)


if __name__ == "__main__":
    sys.exit(main())
