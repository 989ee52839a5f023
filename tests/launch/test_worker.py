"""What a worker answers, and when it is no longer fit for another trial."""

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from framework.launch.worker import serve


def run(words: Sequence[str]) -> int:
    """Does as its word says."""
    os.write(1, b"on standard output\n")
    if words == ("mistake",):
        print("The configuration has one mistake; nothing was started.", file=sys.stderr)
        print("  seed=x: expected a number", file=sys.stderr)
        return 2
    if words == ("memory",):
        print("The device has too little memory: RESOURCE_EXHAUSTED\nA smaller model",
              file=sys.stderr)  # fmt: skip
        return 1
    if words == ("bug",):
        raise ValueError("of ours")
    if words == ("preempted",):
        print("told on the terminal only")
        return 75
    os.write(2, b"past Python's buffers\n")
    return 0


class Driver:
    """The other end of a worker that runs on a thread."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._socket, self._lines = ours, ours.makefile("r")
        run_words = lambda words: run(tuple(words))  # noqa: E731
        check = lambda asked: {"found": asked}  # noqa: E731
        self.thread = threading.Thread(target=serve, args=(theirs, run_words, check, None))
        self.thread.start()

    def ask(self, **message: Any) -> dict[str, Any]:
        self._socket.sendall(json.dumps(message).encode() + b"\n")
        answer: dict[str, Any] = json.loads(self._lines.readline())
        return answer

    def heard(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._lines.readline())
        return found

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.close()


def told(driver: Driver, folder: Path, word: str) -> dict[str, Any]:
    log = str(folder / word / "trial.log")
    ended: dict[str, Any] = driver.ask(run={"number": 7, "words": [word], "log": log})["ended"]
    assert ended.pop("number") == 7
    return ended


def test_one_trial_after_another_each_with_its_log(driver: Driver, tmp_path: Path) -> None:
    assert told(driver, tmp_path, "good") == {"code": 0, "message": ""}
    assert driver.heard() == {"ready": True}
    mistake = {"code": 2, "message": "seed=x: expected a number"}
    assert told(driver, tmp_path, "mistake") == mistake
    assert driver.heard() == {"ready": True}
    good = (tmp_path / "good" / "trial.log").read_text()
    assert good.splitlines() == ["on standard output", "past Python's buffers"]
    assert (tmp_path / "mistake" / "trial.log").read_text() == "on standard output\n"


@pytest.mark.parametrize(
    ("word", "code", "message"),
    [
        ("memory", 1, "The device has too little memory: RESOURCE_EXHAUSTED"),
        ("bug", 1, "ValueError: of ours"),
        ("preempted", 75, ""),
    ],
)
def test_after_some_ends_another_process_is_needed(
    driver: Driver, tmp_path: Path, word: str, code: int, message: str
) -> None:
    assert told(driver, tmp_path, word) == {"code": code, "message": message}
    driver.thread.join(10)
    assert not driver.thread.is_alive()


def test_a_check_is_answered(driver: Driver) -> None:
    assert driver.ask(check={"words": []}) == {"checked": {"found": {"words": []}}}


def test_devices_are_taken_before_a_trial(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    share = {"environment": {"CUDA_VISIBLE_DEVICES": "2"}, "cores": []}
    driver._socket.sendall(json.dumps({"devices": share}).encode() + b"\n")
    assert told(driver, tmp_path, "good")["code"] == 0
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"


def test_what_a_driver_said_before_it_died_is_not_done(tmp_path: Path) -> None:
    """A worker that was still starting would train a trial that another driver has by now."""
    ours, theirs = socket.socketpair()
    asked: list[Sequence[str]] = []
    run = {"number": 0, "words": ["good"], "log": str(tmp_path / "run" / "trial.log")}

    def slow(given: dict[str, Any]) -> dict[str, Any]:
        ours.close()
        time.sleep(0.3)
        return {}

    ours.sendall(b"".join(json.dumps(m).encode() + b"\n" for m in ({"check": {}}, {"run": run})))
    assert serve(theirs, lambda words: asked.append(words) or 0, slow, None) == 0
    assert asked == []
    assert not (tmp_path / "run").exists()
