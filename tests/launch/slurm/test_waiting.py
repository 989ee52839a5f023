"""How often files are looked at and a controller is asked."""

import itertools
import time

import pytest

from framework.launch.place import Ended
from framework.launch.slurm import waiting
from framework.launch.slurm.cluster import NotNow
from framework.launch.slurm.waiting import Waiting


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_LOOK", 0.01)


def never(*_: object) -> list[Ended]:
    return []


def asking(asked: "itertools.count[int]") -> bool:
    next(asked)
    return True


def test_the_controller_is_asked_seldom_and_files_are_looked_at_often() -> None:
    asked, looks = itertools.count(), itertools.count()
    there = Waiting(pause=100)
    for _ in range(2):
        assert there.first(0.1, lambda: asking(asked), lambda: never(next(looks))) == []
    assert next(asked) == 1
    assert next(looks) > 4


def test_the_first_end_is_told_at_once() -> None:
    end = Ended(7, 0)
    looks = iter([[], [], [end]])
    begun = time.monotonic()
    assert Waiting(100).first(60, lambda: True, lambda: next(looks)) == [end]
    assert time.monotonic() - begun < 10


def test_while_all_is_stopped_it_is_asked_at_once_and_more_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "_SOON", 0.02)
    asked = itertools.count()
    there = Waiting(pause=100)
    there.first(0, lambda: asking(asked), never)
    there.stop()
    there.first(0.2, lambda: asking(asked), never)
    assert next(asked) > 2


def test_a_controller_that_does_not_answer_is_asked_again_and_told_of_twice() -> None:
    answers = itertools.chain([True], [False] * 3, itertools.repeat(True))
    told: list[str] = []

    def ask() -> bool:
        if next(answers):
            return True
        raise NotNow("scontrol: Unable to contact slurm controller (connect failure)")

    there = Waiting(0.01, told.append)
    there.first(0.2, ask, never)
    assert told == [
        "scontrol: Unable to contact slurm controller (connect failure). "
        "Slurm is asked again every 0.01 s; jobs go on.",
        "Slurm answers again.",
    ]


def test_where_nothing_was_asked_nothing_was_answered() -> None:
    told: list[str] = []
    there = Waiting(0.01, told.append)
    with there.patient():
        raise NotNow("sbatch did not answer within two minutes")
    there.first(0.05, lambda: False, never)
    assert len(told) == 1
