"""Worker processes: the same stream, whatever their number. Slow: each is a new Python."""

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from framework.config import InvalidConfig
from framework.data import (
    RandomFlip,
    RandomShift,
    WorkerLost,
    evaluation_batches,
    training_batches,
    workers,
)
from framework.data.workers import watched
from tests.data import make
from tests.data.test_loader import with_broken


def test_workers_give_the_same_stream() -> None:
    data = make.data(23, 5, augmentations=(RandomShift(1), RandomFlip()))
    streams = []
    for count in (0, 2):
        batches = training_batches(replace(data, workers=count), seed=4, start=3)
        streams.append(list(itertools.islice(batches, 7)))
        batches.close()
    assert np.concatenate([batch["index"] for batch in streams[0]]).size == 35
    jax.tree.map(np.testing.assert_array_equal, *streams)


def test_workers_evaluate_every_example() -> None:
    data = make.data(23, 5, workers=1)
    batches = list(evaluation_batches(data, "test", batch_size=4))
    index = np.concatenate([batch["index"][batch["mask"]] for batch in batches])
    np.testing.assert_array_equal(index, np.arange(23))


def test_what_a_worker_raises_is_a_users_mistake_still() -> None:
    with pytest.raises(InvalidConfig, match=r"five\.png"):
        list(evaluation_batches(with_broken(workers=1), "test", batch_size=4))


def grains_workers() -> list[Any]:
    found = multiprocessing.active_children()
    return [process for process in found if "grain" in process.name]


def test_a_worker_that_was_killed_is_noticed() -> None:
    batches = training_batches(make.data(23, 5, workers=2), seed=4)
    while len(grains_workers()) < 2:  # the first batches are read here, while Grain is imported
        next(batches)
    os.kill(grains_workers()[0].pid, signal.SIGKILL)
    with pytest.raises(WorkerLost, match=r"was lost \(exit code -9, often for want of memory\)"):
        list(itertools.islice(batches, 1000))


READER = """
import multiprocessing, sys
from tests.data import make
from framework.data import training_batches
if __name__ == "__main__":
    batches = training_batches(make.data(23, 5, workers=1), seed=4)
    while not multiprocessing.active_children():
        next(batches)
    print(*(process.pid for process in multiprocessing.active_children()), flush=True)
    sys.stdin.read()
"""


def test_workers_end_with_the_process_they_read_for(tmp_path: Path) -> None:
    (tmp_path / "reader.py").write_text(READER)
    environment = {**os.environ, "PYTHONPATH": str(Path(make.__file__).parents[2])}
    process = subprocess.Popen(
        [sys.executable, "reader.py"], cwd=tmp_path, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    (worker,) = map(int, process.stdout.readline().split())
    assert os.getpgid(worker) != os.getpgid(process.pid)  # Ctrl-C is not for it
    process.kill()
    process.communicate(timeout=30)  # the output ends with the last process that has it open


class Ended:
    """A worker process that has ended, or not."""

    def __init__(self, exitcode: int | None) -> None:
        self.exitcode = exitcode


def test_a_worker_that_never_starts_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(workers, "START_SECONDS", 0.05)
    waiting = threading.Event()
    with pytest.raises(WorkerLost, match="it did not start"):
        next(watched(map(waiting.wait, [None]), 2))  # type: ignore[arg-type]
    waiting.set()


def test_a_worker_that_has_read_its_share_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "POLL_SECONDS", 0.01)
    seen = iter([[], [Ended(0), Ended(None)]])
    monkeypatch.setattr(multiprocessing, "active_children", lambda: next(seen))
    slow = iter([0.1, 0.1])
    reader = ({"index": time.sleep(next(slow))} for _ in range(2))
    assert len(list(watched(reader, 2))) == 2  # type: ignore[arg-type]


def test_what_the_reader_raises_is_raised() -> None:
    def reader() -> Iterator[Any]:
        yield {}
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        list(watched(reader(), 0))


def test_a_reader_that_cannot_be_closed_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "CLOSE_SECONDS", 0.1)

    class Reader:
        def __iter__(self) -> "Reader":
            return self

        def __next__(self) -> dict[str, np.ndarray]:
            return {"index": np.arange(2)}

        def close(self) -> None:
            threading.Event().wait()

    batches = watched(Reader(), 0)
    assert next(batches)["index"].tolist() == [0, 1]
    batches.close()
