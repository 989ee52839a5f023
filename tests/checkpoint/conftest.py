import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from framework.checkpoint import CheckpointOptions
from tests.checkpoint.opened import opened
from tests.checkpoint.states import make


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Checkpoints 1, 2 and 3 of seeds 1, 2 and 3; copied by the tests that change them."""
    directory = tmp_path_factory.mktemp("run") / "checkpoints"
    with opened(directory, CheckpointOptions(keep_latest=3)) as (checkpoints, _):
        for step in (1, 2, 3):
            state = make(devices=8, seed=step, step=step)
            checkpoints.save(step, state, {"position": 10 * step, "best": None}, {"loss": 1.0})
    return directory


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "checkpoints"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Gives a file system of the size that is asked for; or a disk that can only be read."""
    with contextlib.ExitStack() as mounted:

        def make(size: str) -> Path:
            folder = tmp_path / f"disk-{size}"
            folder.mkdir()
            mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
            if subprocess.run(mount, capture_output=True).returncode:
                pytest.skip("a small file system cannot be mounted here: it needs root")
            mounted.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
            return folder

        yield make


def write_protect(disk: Path, protected: bool = True) -> None:
    """Root may write where permissions forbid it, but not to such a disk."""
    mode = "ro" if protected else "rw"
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)
