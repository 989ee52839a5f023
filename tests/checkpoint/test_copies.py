import os
import shutil
import subprocess
import sys
from pathlib import Path

import fsspec
import jax.numpy as jnp
import pytest
from etils import epath

from framework.checkpoint import CheckpointFailed, CheckpointOptions, Checkpoints
from framework.manifest import MANIFEST, verify
from tests.checkpoint.conftest import write_protect
from tests.checkpoint.damage import files, flip, truncate
from tests.checkpoint.opened import opened
from tests.checkpoint.states import abstract, assert_equal, make

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"x": jnp.ones(2)}


def options(place: Path | str, **more) -> CheckpointOptions:
    return CheckpointOptions(copy_to=str(place), **{"keep_latest": 2, **more})


def save(checkpoints: Checkpoints, *steps: int, state=SMALL, **metrics: float) -> None:
    for step in steps:
        checkpoints.save(step, state, {"position": 10 * step}, metrics)
    checkpoints.wait()


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "another disk"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "run" / "checkpoints"


@pytest.fixture
def both(saved: Path, here: Path, place: Path) -> tuple[Path, Path]:
    """Checkpoints 1, 2, 3, and their copies."""
    shutil.copytree(saved, here)
    shutil.copytree(saved, place)
    return here, place


def test_a_copy_is_the_same_and_verifies(here, place):
    with opened(here, options(place)) as (checkpoints, said):
        save(checkpoints, 1, state=make(8))
    assert said == []
    assert verify(place / "1", exact=True) == []
    for original in files(here):
        assert (place / original.relative_to(here)).read_bytes() == original.read_bytes()


def test_both_places_keep_the_same(here, place):
    accuracies = {1: 0.5, 2: 0.9, 3: 0.1, 4: 0.2, 5: 0.3, 6: 0.3}
    wanted = options(place, keep_latest=1, keep_best=1, metric="accuracy", keep_every=4)
    with opened(here, wanted) as (checkpoints, said):
        for step, accuracy in accuracies.items():
            save(checkpoints, step, accuracy=accuracy)
    assert said == []
    assert names(here) == names(place) == {"2", "4", "6"}


def test_a_copy_is_there_before_the_one_before_it_goes(here, place, monkeypatch):
    from framework.checkpoint import copies

    seen = []

    def remove(copy) -> None:
        newest = max(int(path.name) for path in place.iterdir())
        seen.append((int(copy.name), newest, verify(place / str(newest))))
        removed(copy)

    removed = copies._remove
    monkeypatch.setattr(copies, "_remove", remove)
    with opened(here, options(place, keep_latest=1)) as (checkpoints, _):
        save(checkpoints, 1, 2, 3)
    assert seen == [(1, 2, []), (2, 3, [])]


def test_a_fresh_machine_fetches_the_newest_copy(both):
    here, place = both
    shutil.rmtree(here)
    with opened(here, options(place)) as (checkpoints, said):
        assert checkpoints.anything()
        assert checkpoints.peek() == {"position": 30, "best": None}
        assert not here.exists()
        step, state, extra = checkpoints.restore_latest(abstract(make()))
        assert (step, extra["position"]) == (3, 30)
        assert_equal(state, make(seed=3, step=3))
        assert said == [f"checkpoint 3 fetched from {place}"]
        assert names(here) == {"3"}
        save(checkpoints, 4)
    assert (names(here), names(place)) == ({"3", "4"}, {"3", "4"})


def test_nothing_in_either_place_is_a_new_run(here, place):
    with opened(here, options(place)) as (checkpoints, said):
        assert not checkpoints.anything()
        assert checkpoints.peek() == {}
        assert checkpoints.restore_latest(SMALL) is None
    assert said == []
    assert not here.exists()
    assert not place.exists()


def test_the_best_comes_along(here, place):
    ranked = options(place, keep_latest=1, metric="accuracy")
    with opened(here, ranked) as (checkpoints, _):
        save(checkpoints, 1, accuracy=0.9)
        save(checkpoints, 2, 3, accuracy=0.1)
    shutil.rmtree(here)
    with opened(here, ranked) as (checkpoints, said):
        assert checkpoints.restore_latest(SMALL).step == 3
        assert checkpoints.best() == 1
    assert said == [f"checkpoint {step} fetched from {place}" for step in (3, 1)]


def test_whole_checkpoints_here_are_used_and_nothing_is_fetched(both):
    here, place = both
    with opened(here, options(place)) as (checkpoints, said):
        assert checkpoints.restore_latest(abstract(make())).step == 3
        assert checkpoints.peek(2)["position"] == 20
    assert said == []


def test_a_damaged_one_here_is_replaced_by_its_copy(both):
    here, place = both
    flip(max(files(here / "3" / "state"), key=lambda path: path.stat().st_size))
    with opened(here, options(place)) as (checkpoints, said):
        step, state, _ = checkpoints.restore_latest(abstract(make()))
        assert step == 3
        assert_equal(state, make(seed=3, step=3))
    assert [line.split(":")[0] for line in said] == [
        "checkpoint 3 is damaged and set aside as 3.damaged",
        f"checkpoint 3 fetched from {place}",
    ]


@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
def test_damage_to_any_file_of_a_copy_is_passed_over(saved, tmp_path, damage):
    for number, original in enumerate(files(saved / "3")):
        if not original.stat().st_size:
            continue
        place, here = tmp_path / f"place {number}", tmp_path / f"here {number}"
        shutil.copytree(saved, place)
        damage(place / original.relative_to(saved))
        with opened(here, options(place)) as (checkpoints, said):
            assert checkpoints._newest_whole() == 2
        assert names(here) == {"2"}
        assert verify(here / "2") == []
        assert said[-1] == f"checkpoint 2 fetched from {place}"
        if original.name != MANIFEST or damage is not Path.unlink:  # else there is no copy
            assert said[0].startswith(f"the copy of checkpoint 3 in {place} is damaged and skipped")


def test_a_damaged_checkpoint_is_not_copied(both):
    here, place = both
    shutil.rmtree(place)
    flip(here / "3" / "record" / "metadata")
    with opened(here, options(place, keep_latest=3)) as (checkpoints, said):
        save(checkpoints, 4)
    assert names(place) == {"2", "4"}
    assert said == [
        f"checkpoint 3 was not copied to {place}: record/metadata: content differs from its hash"
    ]


def test_what_is_missing_is_copied_later(here, place):
    with opened(here, CheckpointOptions(keep_latest=3)) as (checkpoints, _):
        save(checkpoints, 1, 2)
    with opened(here, options(place, keep_latest=3)) as (checkpoints, _):
        save(checkpoints, 3)
    assert names(place) == {"1", "2", "3"}


def test_half_a_copy_does_not_count_and_is_overwritten(both):
    here, place = both
    (place / "3" / MANIFEST).unlink()
    max(files(place / "3" / "state"), key=lambda path: path.stat().st_size).unlink()
    (place / "3" / "state" / "left over").write_text("")
    with opened(place.parent / "fresh", options(place)) as (checkpoints, said):
        assert checkpoints.restore_latest(abstract(make())).step == 2
    with opened(here, options(place)) as (checkpoints, said):
        save(checkpoints, 4)
    assert said == []
    assert names(place) == {"3", "4"}
    assert verify(place / "3", exact=True) == []


def test_other_things_in_the_place_are_let_be(here, place):
    for name in ("2024", "notes", "007"):
        (place / name).mkdir(parents=True)
        (place / name / "mine").write_text("")
    with opened(here, options(place, keep_latest=1)) as (checkpoints, said):
        assert checkpoints.restore_latest(SMALL) is None
        save(checkpoints, 1, 2)
    assert said == []
    assert names(place) == {"2024", "notes", "007", "2"}
    assert (place / "2024" / "mine").is_file()


KILLED = """
import os, sys, jax.numpy as jnp
from pathlib import Path
from framework.checkpoint import CheckpointOptions, Checkpoints, copies
here, place, files = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
saving = Checkpoints(here, CheckpointOptions(keep_latest=1, copy_to=place), print)
saving.save(1, {"x": jnp.full(1000, 1.0)}, {}, {})
saving.wait()
copied, count = copies._copy_file, iter(range(files))
def copy(*arguments):
    if next(count, None) is None:
        os._exit(9)
    copied(*arguments)
copies._copy_file = copy
copies._AT_ONCE = 1
saving.save(2, {"x": jnp.full(1000, 2.0)}, {}, {})
saving.wait()
"""


@pytest.mark.parametrize("copied", [0, 1, 5])
def test_a_kill_in_the_middle_of_a_copy_loses_nothing(here, place, copied):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", KILLED, str(here), str(place), str(copied)]
    assert subprocess.run(command, env=environment, timeout=120).returncode == 9
    state = {"x": jnp.zeros(1000)}
    with opened(place.parent / "fresh", options(place)) as (checkpoints, _):
        assert checkpoints.restore_latest(state).step == 1  # not removed yet
    with opened(here, options(place, keep_latest=1)) as (checkpoints, said):
        assert checkpoints.restore_latest(state).step == 2
        save(checkpoints, 3)
    assert said == []
    assert names(place) == {"3"}
    assert verify(place / "3", exact=True) == []


def test_a_place_that_cannot_be_written_is_a_warning(here, small_disk):
    disk = small_disk("3m")
    write_protect(disk)
    with opened(here, options(disk / "copies")) as (checkpoints, said):
        save(checkpoints, 1)
        (line,) = said
        assert line.startswith(f"checkpoints were not copied to {disk / 'copies'}: ")
        assert "Read-only file system" in line
        assert line.endswith("; the next save tries again")
        write_protect(disk, False)
        save(checkpoints, 2)
        assert len(said) == 1
    assert names(disk / "copies") == {"1", "2"}


def test_a_place_that_is_full_is_a_warning(here, small_disk):
    disk = small_disk("1m")
    (disk / "filler").write_bytes(bytes(900_000))
    big = {"x": make().params["layers/0/kernel"], "y": jnp.arange(100_000.0)}
    with opened(here, options(disk / "copies", keep_latest=1)) as (checkpoints, said):
        save(checkpoints, 1, state=big)
        assert said == [
            f"checkpoints were not copied to {disk / 'copies'}: no space left on the disk; "
            "the next save tries again"
        ]
        assert checkpoints.steps() == [1]
        assert names(disk / "copies") == set()  # a half copy would hold what space there is
        (disk / "filler").unlink()
        save(checkpoints, 2, state=big)
        assert len(said) == 1
    assert names(disk / "copies") == {"2"}


def test_a_kind_of_place_that_is_not_installed_is_said(here):
    with opened(here, options("az://bucket/run")) as (checkpoints, said):
        assert checkpoints.anything()  # it is not known: said when it is to be restored
        with pytest.raises(CheckpointFailed, match=r"(?s)no checkpoint in .*az://bucket/run.*null"):
            checkpoints.restore_latest(SMALL)
        save(checkpoints, 1)
        assert checkpoints.restore_latest(SMALL).step == 1  # and with one here it goes on
    assert len(said) == 3
    assert all("az://bucket/run" in line for line in said)


def test_a_fetch_for_which_there_is_no_space_stops_the_run(place, small_disk, saved):
    """Starting anew would throw away what is in the other place."""
    shutil.copytree(saved, place)
    here = small_disk("32k") / "checkpoints"
    with (
        opened(here, options(place)) as (checkpoints, said),
        pytest.raises(CheckpointFailed, match="no space left on the disk"),
    ):
        checkpoints.restore_latest(abstract(make()))
    assert [line.split(" from")[0] for line in said] == [
        f"checkpoint {step} was not fetched" for step in (3, 2, 1)
    ]
    assert names(here) == set()


def test_an_interrupted_fetch_leaves_nothing_that_counts(both):
    here, place = both
    shutil.rmtree(here)
    shutil.copytree(place / "3", here / "3.fetched")  # killed before it was renamed
    truncate(max(files(here), key=lambda path: path.stat().st_size))
    with opened(here, options(place)) as (checkpoints, _):
        assert checkpoints.restore_latest(abstract(make())).step == 3
        assert names(here) == {"3"}
        (here / "9.fetched").mkdir()
        save(checkpoints, 4)
    assert names(here) == {"3", "4"}


def test_the_place_may_be_the_directory_itself(here):
    with opened(here, options(here)) as (checkpoints, said):
        save(checkpoints, 1, 2, 3)
        assert checkpoints.restore_latest(SMALL).step == 3
    assert (names(here), said) == ({"2", "3"}, [])


def test_a_bucket(here, tmp_path, monkeypatch):
    """Through fsspec, as a bucket is; this one is in memory."""
    memory = fsspec.filesystem("memory")
    backend = type(epath.Path("gs://b")._backend)
    monkeypatch.setattr(backend, "fs", lambda self, path: memory)
    place = "gs://bucket/run"
    with opened(here, options(place, metric="accuracy")) as (checkpoints, said):
        assert checkpoints.restore_latest(SMALL) is None
        save(checkpoints, 1, accuracy=0.9)
        save(checkpoints, 2, 3, 4, accuracy=0.1)
    assert said == []
    shutil.rmtree(here)
    with opened(here, options(place, metric="accuracy")) as (checkpoints, said):
        assert checkpoints.peek()["position"] == 40
        assert checkpoints.restore_latest(SMALL).step == 4
        assert checkpoints.best() == 1
    assert said == [f"checkpoint {step} fetched from {place}" for step in (4, 1)]


def test_what_is_retired_is_restored_from_nowhere_and_can_be_saved_again(both):
    here, place = both
    with opened(here, options(place)) as (checkpoints, _):
        checkpoints.retire(lambda step, extra: step > 1)
        assert names(here) == {"1", "2.retired", "3.retired"}
        assert names(place) == {"1"}
        restored = checkpoints.restore_latest(abstract(make(1)))
        assert restored is not None
        assert restored.step == 1
        save(checkpoints, 3, state=make(4))
    assert names(here) == names(place) == {"1", "3"}
    with opened(here, options(place)) as (checkpoints, _):
        assert_equal(checkpoints.restore(3, abstract(make(4)))[0], make(4))


def test_what_is_damaged_is_not_retired_but_set_aside(both):
    here, place = both
    for directory in both:
        flip(directory / "3" / "record" / "metadata")
        (directory / "2" / "record" / "metadata").unlink()
    with opened(here, options(place)) as (checkpoints, said):
        checkpoints.retire(lambda step, extra: False)
        assert checkpoints.restore_latest(abstract(make())).step == 1
    assert [line.split(" is damaged and ")[0] for line in said] == [
        "checkpoint 3", "checkpoint 2",
        f"the copy of checkpoint 3 in {place}", f"the copy of checkpoint 2 in {place}",
    ]  # fmt: skip


def test_copies_that_cannot_be_retired_stop_the_run(saved, small_disk, here):
    disk = small_disk("3m")
    place = Path(shutil.copytree(saved, disk / "copies"))
    write_protect(disk)
    with (
        opened(here, options(place)) as (checkpoints, _),
        pytest.raises(CheckpointFailed, match=f"(?i)not removed from {place}: .*read-only"),
    ):
        checkpoints.retire(lambda step, extra: True)
