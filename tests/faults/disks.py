"""Disks that are full, and disks that may not be written."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.experiments.launch import last_checkpoint
from tests.faults.case import Case, NotHere
from tests.faults.damage import AT_40
from tests.faults.scene import STEPS, Scene, wait_until

SIZE = "16m"


@contextlib.contextmanager
def disk(place: Path) -> Iterator[Path]:
    """A small file system of its own at `place`; what is on it stays there afterwards.

    Raises:
        NotHere: this user may not mount one.
    """
    place.mkdir(parents=True)
    _command("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place)
    try:
        yield place
        kept = place.with_name(f"{place.name}.kept")
        shutil.copytree(place, kept)
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)
    place.rmdir()
    kept.rename(place)


def fill(place: Path) -> Path:
    """Leaves not one byte; returns the file to remove."""
    ballast = place / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    pass
    return ballast


def _command(*words: object) -> None:
    ended = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise NotHere(f"`{' '.join(map(str, words[:3]))}` is refused: {ended.stderr.strip()}")


def _full(where: str) -> Case:
    """The disk of the run, or of its checkpoints, fills in the middle; a start does not help."""

    def play(scene: Scene) -> None:
        with disk(scene.folder / where) as place:
            process = scene.begin(SLOW="0.1")
            scene.wait(process, 10)
            ballast = fill(place)
            for ended in (scene.end(process, 1), scene.start(code=1)):
                assert "o space left on" in ended.err, ended.err
                assert "continues from" in ended.err, ended.err
            ballast.unlink()
            ended = scene.finish()
            assert "Continuing from step" in ended.out, ended.out

    return Case(f"full-{Path(where).name}", play, then=_nothing, tests="long")


def _read_only_checkpoints(scene: Scene) -> None:
    with disk(scene.run / "checkpoints") as place:
        scene.killed(AT_40)
        _command("mount", "-o", "remount,ro", place)
        ended = scene.start(code=1)
        assert "Read-only file system" in ended.err, ended.err
        assert "Continuing from step 30" in ended.out, ended.out
        _command("mount", "-o", "remount,rw", place)
        scene.finish()


def _read_only_run(scene: Scene) -> None:
    with disk(scene.run) as place:
        scene.killed(AT_40)
        _command("mount", "-o", "remount,ro", place)
        ended = scene.start(code=2)
        assert "expected a place that can be written" in ended.err, ended.err
        _command("mount", "-o", "remount,rw", place)
        scene.finish()


def _copies(name: str, said: str) -> Case:
    """The second place cannot take a copy for a while; the training goes on."""

    def play(scene: Scene) -> None:
        with disk(scene.folder / "copies") as place:
            process = scene.begin(SLOW="0.1")
            copied = place / "10" / "manifest.json"
            wait_until(process, copied.exists)
            if name == "full":
                ballast = fill(place)
            else:
                _command("mount", "-o", "remount,ro", place)
            scene.wait(process, 30)
            if name == "full":
                ballast.unlink()
            else:
                _command("mount", "-o", "remount,rw", place)
            ended = scene.end(process, 0)
            assert said in ended.out, ended.out
            assert "the next save tries again" in ended.out, ended.out
            assert (place / str(STEPS) / "manifest.json").exists()
            assert last_checkpoint(scene.run) == STEPS

    return Case(f"{name}-copies", play, harmless=("checkpoint.copy_to=copies",), then=_nothing)


def _nothing(scene: Scene) -> None:
    """It is complete, and its disk is gone."""


CASES = (
    _full("run"),
    _full("run/checkpoints"),
    _copies("full", "checkpoints were not copied to copies: no space left on the disk"),
    Case("read-only-checkpoints", _read_only_checkpoints, then=_nothing),
    Case("read-only-run", _read_only_run, then=_nothing),
    _copies("read-only", "checkpoints were not copied to copies"),
)
