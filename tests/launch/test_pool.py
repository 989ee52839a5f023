"""Workers that die, and what their trials took; processes are made up, time is not."""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from framework.launch import pool
from framework.launch.devices import Share
from framework.launch.packing import Packing
from framework.launch.trial import Trial

made: list["Dying"] = []


class Dying:
    """A process that says what the test has it say, and dies when that is at its end."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        os.write(self.write, b"something to hear")
        self.says: list[dict[str, Any]] = []
        self.asked_to_stop = False
        made.append(self)

    def fileno(self) -> int:
        return self.read

    def send(self, message: Any) -> None:
        pass

    def hear(self) -> dict[str, Any] | None:
        if not self.says:
            raise EOFError
        return self.says.pop(0)

    def code(self) -> int:
        return 75

    def ask_to_stop(self) -> None:
        self.asked_to_stop = True

    def kill(self) -> None:
        for end in (self.read, self.write):
            os.close(end)


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    made.clear()
    monkeypatch.setattr(pool, "new_process", Dying)


def trials(count: int) -> list[Trial]:
    return [Trial(n, {}, (), Path(f"runs/{n}")) for n in range(count)]


def one() -> Share:
    return Share({}, (), "cpu")


def test_a_worker_that_dies_is_replaced() -> None:
    place = pool.Pool([one()])
    place.start(trials(1))
    (ended,) = place.wait(1)
    assert (ended.number, ended.code) == (0, 75)
    assert len(made) == 2
    assert place.free() == 1


def test_none_is_begun_after_a_stop() -> None:
    place = pool.Pool([one(), one()])
    place.start(trials(1))
    place.stop(at_once=False)
    assert [process.asked_to_stop for process in made] == [True, False]
    assert [ended.number for ended in place.wait(1)] == [0]
    assert len(made) == 2
    assert place.wait(0.01) == []
    place.close()


def test_rows_of_a_pack_divide_its_time() -> None:
    place = pool.Pool([one()], Packing(4))
    begun = time.monotonic()
    place.start(trials(4))
    time.sleep(0.2)
    ended = place.wait(1)
    took = time.monotonic() - begun
    assert len(ended) == 4
    assert 0.2 <= sum(one.seconds for one in ended) <= took
    assert max(one.seconds for one in ended) - min(one.seconds for one in ended) < 0.1
