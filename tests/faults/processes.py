"""Processes of a run that are killed or stop: one that reads data, and one of two that train."""

import os
import re
import signal
import subprocess
from pathlib import Path

from tests.faults.case import Case
from tests.faults.scene import Scene, wait_until

CLUSTER = ("--processes", "2", "--devices", "4", "--grace", "3", "--")
TOGETHER = {"module": "scripts.local_cluster", "before": CLUSTER}


def children(pid: int) -> list[int]:
    """The processes that this one has started and that run Python's workers."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(re.sub(r".*\) . ", "", (folder / "stat").read_text()).split()[0])
            command = (folder / "cmdline").read_bytes()
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if parent == pid and b"multiprocessing.spawn" in command:
            found.append(int(folder.name))
    return found


def pids(process: "subprocess.Popen[str]") -> list[int]:
    """The numbers of a cluster's two processes, which it says first."""
    assert process.stderr is not None
    return [int(process.stderr.readline().split()[-1]) for _ in range(2)]


def _worker(scene: Scene) -> None:
    process = scene.begin(SLOW="0.1")
    scene.wait(process, 10)
    _lost(scene, process, min(children(process.pid)))


def _worker_that_starts(scene: Scene) -> None:
    """That of an evaluation, before it has read what it is for: its parent is still writing it."""
    process = scene.begin(SLOW="0.1")
    scene.wait(process, 10)
    former = set(children(process.pid))
    wait_until(process, lambda: set(children(process.pid)) - former)
    _lost(scene, process, *(set(children(process.pid)) - former))


def _lost(scene: Scene, process: "subprocess.Popen[str]", *workers: int) -> None:
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    # At the exit Grain closes the reader whose worker did not start, which it cannot.
    ended = scene.end(process, 75, traceback=True)
    assert "a worker process that reads data was lost" in ended.out + ended.err


def _one_of_two(scene: Scene, number: signal.Signals, *codes: int) -> str:
    process = scene.begin(SLOW="0.2")
    both = pids(process)
    scene.wait(process, 10)
    os.kill(both[1], number)
    return scene.end(process, *codes).err


def _killed(scene: Scene) -> None:
    _one_of_two(scene, signal.SIGKILL, 75, 134, 137)


def _stopped(scene: Scene) -> None:
    said = _one_of_two(scene, signal.SIGSTOP, 75)
    assert "(trainer.hang_seconds); a device, a link or another process hangs" in said, said


def _asked(scene: Scene) -> None:
    _one_of_two(scene, signal.SIGTERM, 75)


def _both(scene: Scene) -> None:
    """Also of their saves: the first process writes the manifest, and the other none."""
    for place in (
        "framework.checkpoint.checkpoints:Checkpoints.save after 2",
        "framework.checkpoint.checkpoints:write_manifest before 2",
        "framework.train.conclude:conclude before 1",
    ):
        process = scene.begin(fault=f"{place} SIGKILL", SLOW="0.05")
        scene.end(process, 75, 134, 137)


_MESH = ("mesh=fsdp",)
CASES = (
    Case("killed-worker", _worker, harmless=("data.workers=1",), tests="long"),
    Case("killed-starting-worker", _worker_that_starts, harmless=("data.workers=1",)),
    Case("killed-one-of-two", _killed, _MESH, **TOGETHER),  # type: ignore[arg-type]
    Case("asked-one-of-two", _asked, _MESH, **TOGETHER),  # type: ignore[arg-type]
    Case("stopped-one-of-two", _stopped, _MESH, ("trainer.hang_seconds=5",), **TOGETHER),  # type: ignore[arg-type]
    Case("killed-two-in-saves", _both, _MESH, **TOGETHER),  # type: ignore[arg-type]
)
