import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.checkpoint import CheckpointDamaged, CheckpointOptions
from framework.manifest import MANIFEST, verify
from tests.checkpoint.damage import files, flip, truncate
from tests.checkpoint.opened import opened
from tests.checkpoint.states import abstract, assert_equal, make


@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
def test_damage_to_any_file_leads_to_the_step_before(saved, tmp_path, damage):
    for number, original in enumerate(files(saved / "3")):
        if not original.stat().st_size:
            continue
        directory = Path(shutil.copytree(saved, tmp_path / str(number)))
        damage(directory / original.relative_to(saved))
        with opened(directory) as (checkpoints, said):
            assert checkpoints._newest_whole() == 2
            assert checkpoints.steps() == [1, 2]
        (line,) = said
        name = original.relative_to(saved / "3").as_posix()
        assert line.startswith("checkpoint 3 is damaged and set aside as 3.damaged:")
        assert name in line or name == MANIFEST
        assert (directory / "3.damaged").is_dir()


def test_the_newest_whole_one_is_restored_and_the_run_goes_on(copied):
    flip(max(files(copied / "3" / "state"), key=lambda path: path.stat().st_size))
    (copied / "2" / MANIFEST).unlink()
    with opened(copied) as (checkpoints, said):
        step, state, extra = checkpoints.restore_latest(abstract(make()))
        assert (step, extra["position"]) == (1, 10)
        assert_equal(state, make(seed=1, step=1))
        assert [line.split(":")[0] for line in said] == [
            "checkpoint 3 is damaged and set aside as 3.damaged",
            "checkpoint 2 is damaged and set aside as 2.damaged",
        ]
        checkpoints.save(2, make(seed=7, step=2), {}, {})
        checkpoints.wait()
        assert checkpoints.steps() == [1, 2]
        truncate(max(files(copied / "2" / "state"), key=lambda path: path.stat().st_size))
        assert checkpoints.restore_latest(abstract(make())).step == 1
        checkpoints.save(2, make(seed=7, step=2), {}, {})
    names = {path.name for path in copied.iterdir()}
    assert names == {"1", "2", "2.damaged-2", "3.damaged"}  # two are kept to be looked at


def test_no_whole_checkpoint_is_none(copied):
    for step in ("1", "2", "3"):
        (copied / step / MANIFEST).unlink()
    with opened(copied) as (checkpoints, said):
        assert checkpoints.restore_latest(abstract(make())) is None
    assert len(said) == 3


def test_restoring_a_named_step_that_is_damaged_raises(copied):
    flip(copied / "2" / "record" / "metadata")
    with (
        opened(copied) as (checkpoints, _),
        pytest.raises(
            CheckpointDamaged, match=r"checkpoint 2 is damaged:\n  record/metadata: cont"
        ),
    ):
        checkpoints.restore(2, abstract(make()))
    assert (copied / "2").is_dir()


def test_of_the_damaged_ones_two_stay_once_a_new_one_is_whole(copied):
    """Not before: a disk that cannot be read for a while makes whole ones look damaged."""
    for name in ("1.damaged", "10.damaged", "2.damaged", "2.damaged-2", "2.damaged.txt"):
        (copied / name).mkdir()
    with opened(copied) as (checkpoints, _):
        assert checkpoints.restore_latest(abstract(make())).step == 3
        assert len(list(copied.glob("*.damaged*"))) == 5
        checkpoints.save(4, make(), {}, {})
    names = {path.name for path in copied.glob("*.damaged*")}
    assert names == {"2.damaged-2", "10.damaged", "2.damaged.txt"}


def test_other_things_in_the_directory_are_let_be(copied):
    absurd = ["007", "٣", "²", "1e3", "-4", " 5", "9" * 200, "3.orbax", "notes"]
    for name in absurd:
        (copied / name).mkdir()
    (copied / "8").write_text("a file")
    (copied / "9").symlink_to(copied / "nowhere")
    with opened(copied) as (checkpoints, said):
        assert checkpoints.steps() == [1, 2, 3]
        (copied / ("9" * 200)).rmdir()  # that one could be a step
        assert checkpoints.restore_latest(abstract(make())).step == 3
        checkpoints.save(4, make(), {}, {})
    assert said == []
    assert {path.name for path in copied.iterdir()} == {
        *absurd, "8", "9", "3", "4",
    } - {"9" * 200}  # fmt: skip


def test_a_checkpoint_may_be_a_link(copied, tmp_path):
    (copied / "1").rename(tmp_path / "elsewhere")
    (copied / "1").symlink_to(tmp_path / "elsewhere")
    with opened(copied, CheckpointOptions(keep_latest=3)) as (checkpoints, _):
        state, _ = checkpoints.restore(1, abstract(make()))
        assert_equal(state, make(seed=1, step=1))
        checkpoints.save(4, make(), {}, {})
    assert {path.name for path in copied.iterdir()} == {"2", "3", "4"}
    assert verify(tmp_path / "elsewhere") == []  # whoever made the link has the files


def test_a_file_more_does_no_harm(copied):
    for folder in (".", "state", "state/d", "record"):
        (copied / "3" / folder / "more").write_bytes(b"x" * 100)
    with opened(copied) as (checkpoints, said):
        step, state, _ = checkpoints.restore_latest(abstract(make()))
    assert (step, said) == (3, [])
    assert_equal(state, make(seed=3, step=3))


@given(st.data())
@settings(max_examples=25, deadline=None)
def test_a_manifest_with_any_flipped_bit_restores_the_right_numbers(saved, data):
    """Where it is not noticed, as in a blank, what is restored is still what was saved."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(shutil.copytree(saved, Path(folder) / "checkpoints"))
        manifest = directory / "3" / MANIFEST
        content = bytearray(manifest.read_bytes())
        position = data.draw(st.integers(0, 8 * len(content) - 1))
        content[position // 8] ^= 1 << position % 8
        manifest.write_bytes(content)
        with opened(directory) as (checkpoints, said):
            step, state, _ = checkpoints.restore_latest(abstract(make()))
    assert step == (2 if said else 3)
    assert_equal(state, make(seed=step, step=step))


def test_what_a_damaged_record_says_is_not_believed(saved):
    """It may still be JSON: nothing must follow from it before the whole is verified."""
    record = saved / "3" / "record" / "metadata"
    record.write_text(record.read_text().replace('"position": 30', '"position": 31'))
    with opened(saved) as (checkpoints, said):
        with pytest.raises(
            CheckpointDamaged, match="record/metadata: content differs from its hash"
        ):
            checkpoints.peek()
        checkpoints.retire(lambda step, extra: extra["position"] == 31)
        assert checkpoints.restore_latest(abstract(make())).step == 2
    assert said[0].startswith("checkpoint 3 is damaged and set aside as 3.damaged")
