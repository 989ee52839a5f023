"""One process at a time, and nothing left of a refusal."""

import threading
from pathlib import Path

import pytest

from framework.config import InvalidConfig, Problem
from framework.launch.lock import locked


def test_another_one_is_told_or_waits(tmp_path: Path) -> None:
    path, order = tmp_path / "lock", list[str]()

    def wait() -> None:
        with locked(path, wait=True):
            order.append("second")

    with locked(path, wait=False):
        with pytest.raises(BlockingIOError), locked(path, wait=False):
            pass
        second = threading.Thread(target=wait)
        second.start()
        order.append("first")
    second.join()
    assert order == ["first", "second"]
    assert path.exists()


def refuse(path: Path) -> None:
    with pytest.raises(InvalidConfig), locked(path, wait=False):
        raise InvalidConfig(Problem("a", 1, "another"))


def test_a_refusal_leaves_no_file_that_was_not_there(tmp_path: Path) -> None:
    refuse(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "lock").touch()
    refuse(tmp_path / "lock")
    assert (tmp_path / "lock").exists()


def test_who_waited_for_a_file_that_is_gone_holds_the_next_one(tmp_path: Path) -> None:
    path, inside, leave = tmp_path / "lock", threading.Event(), threading.Event()

    def wait() -> None:
        with locked(path, wait=True):
            inside.set()
            leave.wait(10)

    second = threading.Thread(target=wait)

    def wait_and_refuse() -> None:
        with locked(path, wait=False):
            second.start()
            assert not inside.wait(0.1)
            raise InvalidConfig(Problem("a", 1, "another"))

    with pytest.raises(InvalidConfig):
        wait_and_refuse()
    assert inside.wait(10)
    with pytest.raises(BlockingIOError), locked(path, wait=False):
        pass
    leave.set()
    second.join()


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none" / "lock", wait=True):
        pass
