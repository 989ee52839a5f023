"""The place of an artifact, to which something else may come while the artifact is made."""

import errno
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.artifact import inspect
from framework.export.place import PlaceTaken, made_beside
from tests.registry.artifacts import make_artifact

NOBODY = 2**30  # the number of no process
ANOTHER = "another export has written its artifact there meanwhile, which stays"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the artifact is to be, in a folder of its own."""
    return tmp_path / "made"


def make(folder: Path, name: str) -> None:
    make_artifact(folder, name=name)


def export(place: Path, replace: bool, meanwhile: Callable[[], object] = lambda: None) -> None:
    """Makes ours; meanwhile something happens."""
    with made_beside(place, replace) as folder:
        make(folder, "ours")
        meanwhile()


def only(place: Path, name: str) -> bool:
    """Whether the artifact of that name is there, whole, and nothing beside it."""
    there = [path.name for path in place.parent.iterdir()]
    return there == [place.name] and inspect(place).about["name"] == name


def refuse():
    raise OSError(errno.EIO, "Input/output error")


def forbid():
    pytest.fail("it is made all the same")


def test_it_is_there_only_when_it_is_whole(place):
    export(place, False, meanwhile=lambda: place.exists() and forbid())
    assert only(place, "ours")


def test_whatever_is_raised_leaves_nothing(place):
    with pytest.raises(OSError, match="Input/output"):
        export(place, False, meanwhile=refuse)
    assert list(place.parent.iterdir()) == []


def test_another_export_that_ended_first_keeps_the_place(place):
    with pytest.raises(PlaceTaken, match=ANOTHER) as told:
        export(place, False, meanwhile=lambda: make(place, "theirs"))
    assert str(told.value).startswith(f"export.dir={place}: ")
    assert "name another place with export.dir=…" in str(told.value)
    assert "\n" not in str(told.value)
    assert only(place, "theirs")


def test_one_that_ended_before_ours_began_to_be_made_spares_us_the_work(place):
    make(place, "theirs")
    with pytest.raises(PlaceTaken, match=ANOTHER):
        export(place, False, meanwhile=forbid)
    assert only(place, "theirs")


def test_where_artifacts_may_be_replaced_the_later_one_stays(place):
    export(place, True, meanwhile=lambda: make(place, "theirs"))
    assert only(place, "ours")


@pytest.mark.parametrize("replace", [True, False])
@pytest.mark.parametrize(
    "put",
    [
        lambda place: (place / "notes").mkdir(parents=True),
        lambda place: place.write_text("mine"),
        lambda place: place.symlink_to("nowhere"),
    ],
    ids=["folder", "file", "link"],
)
def test_what_is_no_artifact_is_never_replaced(place, replace, put):
    with pytest.raises(PlaceTaken, match="something that is no artifact has been put there"):
        export(place, replace, meanwhile=lambda: put(place))
    assert list(place.parent.iterdir()) == [place]
    assert not place.is_dir() or [path.name for path in place.iterdir()] == ["notes"]


def left_by(place, process, kind):
    host = re.sub(r"\W", "-", socket.gethostname())
    return place.with_name(f".{place.name}.{host}.{process}.{kind}")


def between(monkeypatch, act):
    """Has `act` happen after the former artifact was moved away, before ours is moved there."""
    rename = Path.rename

    def renamed(self, target):
        if self.parent.suffix == ".partial":
            act()
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)


def test_of_two_that_replace_at_one_moment_one_is_there_and_nothing_else(place, monkeypatch):
    make(place, "former")
    between(monkeypatch, lambda: make(place, "theirs"))
    with pytest.raises(PlaceTaken, match=ANOTHER):
        export(place, replace=True)
    assert only(place, "theirs")


def test_a_disk_that_refuses_gives_the_former_one_back(place, monkeypatch):
    make(place, "former")
    between(monkeypatch, refuse)
    with pytest.raises(OSError, match="Input/output"):
        export(place, replace=True)
    assert only(place, "former")


def test_what_killed_exports_left_is_tidied_and_a_former_artifact_goes_back(place):
    make(left_by(place, NOBODY, "old"), "former")
    (left_by(place, NOBODY, "partial") / "programs").mkdir(parents=True)
    with pytest.raises(PlaceTaken):
        export(place, False, meanwhile=forbid)
    assert only(place, "former")
    export(place, replace=True)
    assert only(place, "ours")


def test_what_belongs_to_a_place_of_a_longer_name_is_left_alone(place):
    theirs = left_by(place.with_name("made.v2"), NOBODY, "old")
    make(theirs, "theirs")
    export(place, False)
    assert sorted(place.parent.iterdir()) == [theirs, place]


def test_what_another_machine_writes_is_left_alone(place):
    theirs = place.with_name(f".made.elsewhere.{NOBODY}.partial")
    theirs.mkdir(parents=True)
    export(place, False)
    assert sorted(place.parent.iterdir()) == [theirs, place]


def test_one_that_was_killed_under_our_own_number_is_tidied(place):
    """As in a container, whose processes have the same numbers at each start."""
    (left_by(place, os.getpid(), "partial") / "programs").mkdir(parents=True)
    export(place, False)
    assert only(place, "ours")


def test_two_that_tidy_at_once_do_not_disturb_each_other(place, monkeypatch):
    """The other one has given the former artifact back just before."""
    left = left_by(place, NOBODY, "old")
    make(left, "former")
    rename = Path.rename

    def renamed(self, target):
        if self == left:
            rename(self, target)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)
    export(place, replace=True)
    assert only(place, "ours")
