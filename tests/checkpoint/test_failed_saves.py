import contextlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from framework.checkpoint import CheckpointFailed, CheckpointOptions, Checkpoints
from framework.manifest import MANIFEST
from tests.checkpoint.conftest import write_protect
from tests.checkpoint.damage import flip
from tests.checkpoint.opened import OPTIONS, opened
from tests.checkpoint.states import abstract, make

ROOT = Path(__file__).resolve().parents[2]


def numbers(megabytes: float) -> dict[str, jax.Array]:
    """Random, as Orbax compresses."""
    generator = np.random.default_rng(0)
    return {"x": jnp.asarray(generator.normal(size=int(megabytes * 250_000)).astype(np.float32))}


def test_a_full_disk_is_said_plainly_and_earlier_steps_stay(small_disk):
    directory, big = small_disk("3m") / "checkpoints", numbers(2.4)
    checkpoints = Checkpoints(directory, OPTIONS)
    checkpoints.save(1, big, {}, {})
    checkpoints.wait()
    checkpoints.save(2, big, {}, {})
    with pytest.raises(CheckpointFailed) as error:
        checkpoints.wait()
    assert str(error.value) == (
        "checkpoint 2 was not saved: no space left on the disk; "
        "the next start continues from step 1"
    )
    assert [path.name for path in directory.iterdir()] == ["1"]
    checkpoints.wait()  # said once
    assert checkpoints.restore_latest(big).step == 1
    checkpoints.save(3, {"x": jnp.ones(2)}, {}, {})  # and there is room for a small one
    checkpoints.close()
    assert checkpoints.steps() == [1, 3]


FULL = """
import sys, numpy as np
from pathlib import Path
from framework.checkpoint import CheckpointFailed, CheckpointOptions, Checkpoints
saving = Checkpoints(Path(sys.argv[1]), CheckpointOptions())
random = np.random.default_rng(0)
saving.save(1, {f"x{n}": random.normal(size=60_000) for n in range(20)}, {}, {})
try:
    saving.wait()
except CheckpointFailed as error:
    print(error, file=sys.stderr)
saving.close()
"""


def test_a_full_disk_is_one_line(small_disk):
    """Orbax itself prints a traceback for each of its threads."""
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(small_disk("3m") / "checkpoints")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert ended.stderr == (
        "checkpoint 1 was not saved: no space left on the disk; the next start starts anew\n"
    )
    assert ended.returncode == 0


def test_a_disk_that_is_full_when_the_manifest_is_written(tmp_path, monkeypatch):
    """All of the state is there by then: it is removed, as it would hold the space for good."""

    def full(directory: Path) -> None:
        assert (directory / "record" / "metadata").is_file()
        raise OSError(28, "No space left on device")

    with opened(tmp_path / "checkpoints") as (checkpoints, _):
        checkpoints.save(1, numbers(0.1), {}, {})
        checkpoints.wait()
        with monkeypatch.context() as patch:
            patch.setattr("framework.checkpoint.checkpoints.write_manifest", full)
            checkpoints.save(2, numbers(0.1), {}, {})
            with pytest.raises(CheckpointFailed, match=r"no space .* continues from step 1"):
                checkpoints.wait()
        assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["1"]
        checkpoints.save(2, numbers(0.1), {}, {})  # the same step, as if nothing had been
        checkpoints.wait()
        assert checkpoints.steps() == [1, 2]


def test_a_disk_that_is_full_before_anything_is_written(small_disk):
    disk = small_disk("256k")
    with contextlib.suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))
    checkpoints = Checkpoints(disk / "checkpoints", OPTIONS)
    checkpoints.save(1, numbers(0.1), {}, {})
    with pytest.raises(CheckpointFailed, match="no space left on the disk"):
        checkpoints.wait()
    (disk / "filler").unlink()
    checkpoints.save(1, {"x": jnp.ones(2)}, {}, {})
    checkpoints.close()
    assert checkpoints.steps() == [1]


@pytest.mark.parametrize("first", [True, False])
def test_a_disk_that_can_only_be_read(small_disk, first):
    disk = small_disk("3m")
    checkpoints = Checkpoints(disk / "checkpoints", OPTIONS)
    if not first:
        checkpoints.save(1, numbers(0.1), {}, {})
        checkpoints.wait()
    write_protect(disk)
    then = "starts anew" if first else "continues from step 1"
    # At once: Orbax would find out in the background, and keep the program from ending for minutes.
    with pytest.raises(CheckpointFailed, match=f"(?i)read-only file system.*the next start {then}"):
        checkpoints.save(2, numbers(0.1), {}, {})
    if not first:
        assert checkpoints.restore_latest(numbers(0.1)).step == 1
        with opened(disk / "checkpoints") as (again, said):
            assert again.restore_latest(numbers(0.1)).step == 1
        assert said == []
    write_protect(disk, False)
    checkpoints.save(2, numbers(0.1), {}, {})
    checkpoints.close()
    assert checkpoints.steps() == ([2] if first else [1, 2])


def test_what_is_damaged_on_a_disk_that_can_only_be_read_is_skipped(small_disk, saved):
    disk = small_disk("3m")
    shutil.copytree(saved, disk / "checkpoints")
    flip(disk / "checkpoints" / "3" / "record" / "metadata")
    write_protect(disk)
    with opened(disk / "checkpoints") as (checkpoints, (said)):
        assert checkpoints.restore_latest(abstract(make())).step == 2
    (line,) = said
    assert line.startswith(
        "checkpoint 3 is damaged and skipped (not renamed: Read-only file system): record/metadata"
    )


def test_old_checkpoints_that_stay_are_a_warning(tmp_path, monkeypatch):
    def denied(path: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    with opened(tmp_path / "checkpoints", CheckpointOptions(keep_latest=1)) as (saving, said):
        saving.save(1, numbers(0.1), {}, {})
        saving.wait()
        monkeypatch.setattr(
            "framework.checkpoint.housekeeping.remove_old", lambda *_: denied(tmp_path, tmp_path)
        )
        saving.save(2, numbers(0.1), {}, {})
        saving.wait()  # it was saved
        assert saving.steps() == [1, 2]
    assert said == ["older checkpoints were not removed: [Errno 13] Permission denied"]


def test_a_checkpoint_counts_only_after_ready(tmp_path):
    """What was logged up to it is on the disk by then: all is written but the manifest."""
    directory = tmp_path / "checkpoints"
    reached, go_on, seen = threading.Event(), threading.Event(), []

    def ready() -> None:
        seen.append(sorted(path.name for path in (directory / "2").iterdir()))
        reached.set()
        go_on.wait(60)

    with opened(directory, CheckpointOptions(keep_latest=1)) as (checkpoints, _):
        checkpoints.save(1, numbers(0.1), {}, {})
        checkpoints.save(2, numbers(0.1), {}, {}, ready)
        assert reached.wait(60)
        assert checkpoints.steps() == [1]
        assert not (directory / "2" / MANIFEST).exists()
        go_on.set()
        checkpoints.wait()
        assert checkpoints.steps() == [2]
    assert seen == [["_CHECKPOINT_METADATA", "commit_success.txt", "record", "state"]]


def test_a_ready_that_fails_fails_the_save(tmp_path):
    def ready() -> None:
        raise OSError("the event file is gone")

    with opened(tmp_path / "checkpoints") as (checkpoints, _):
        checkpoints.save(1, numbers(0.1), {}, {}, ready)
        with pytest.raises(CheckpointFailed, match="1 was not saved: the event file is gone"):
            checkpoints.wait()
        assert checkpoints.steps() == []
        assert checkpoints.restore_latest(numbers(0.1)) is None


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    checkpoints = Checkpoints(tmp_path / "file" / "checkpoints", OPTIONS)
    with pytest.raises(CheckpointFailed, match="the next start starts anew"):
        checkpoints.save(1, {"x": jnp.ones(2)}, {}, {})


def test_extra_that_is_no_json_is_refused_at_once(tmp_path):
    with opened(tmp_path / "checkpoints") as (checkpoints, _), pytest.raises(TypeError):
        checkpoints.save(1, {"x": jnp.ones(2)}, {"position": object()}, {})


def test_what_a_killed_save_left_is_cleared(copied):
    left = copied / "4.orbax-checkpoint-tmp"
    (left / "state").mkdir(parents=True)
    (copied / "1.removed").mkdir()
    with opened(copied) as (checkpoints, said):
        assert checkpoints.restore_latest(abstract(make())).step == 3
        assert left.exists()  # reading clears nothing: the save may be going on elsewhere
        checkpoints.save(4, make(), {}, {})
        checkpoints.wait()
        assert checkpoints.steps() == [3, 4]
    assert {path.name for path in copied.iterdir()} == {"3", "4"}
    assert said == []


KILLED = """
import os, sys, jax.numpy as jnp
from pathlib import Path
from framework.checkpoint import checkpoints as module
from framework.checkpoint import CheckpointOptions, Checkpoints
saving = Checkpoints(Path(sys.argv[1]), CheckpointOptions())
saving.save(1, {"x": jnp.full(1000, 1.0)}, {}, {})
saving.wait()
if sys.argv[2] == "before the manifest":
    module.write_manifest = lambda directory: os._exit(9)
saving.save(2, {"x": jnp.full(1000, 2.0)}, {}, {})
if sys.argv[2] == "at once":
    os._exit(9)
saving.wait()
"""


@pytest.mark.parametrize("moment", ["at once", "before the manifest"])
def test_a_killed_save_leads_to_the_step_before(tmp_path, moment):
    directory = tmp_path / "checkpoints"
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(directory), moment],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert run.returncode == 9
    with opened(directory) as (checkpoints, said):
        step, state, _ = checkpoints.restore_latest({"x": jnp.zeros(1000)})
        assert step == 1
        assert float(state["x"].min()) == float(state["x"].max()) == 1
        checkpoints.save(2, state, {}, {})
        checkpoints.wait()
        assert checkpoints.steps() == [1, 2]
    assert len(said) == (moment == "before the manifest")
