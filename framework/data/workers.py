"""Worker processes that read data: they end with the process they read for, and their loss is seen.

Grain's own reader may wait for ever for a worker that was killed, and its workers live for ever
when the process they read for is killed.
"""

import contextlib
import multiprocessing
import os
import queue
import re
import threading
from collections.abc import Iterator
from multiprocessing.process import BaseProcess
from typing import Any

from framework.data.source import Batch

POLL_SECONDS = 1.0
START_SECONDS = 20.0
CLOSE_SECONDS = 10.0

Items = queue.Queue[tuple[Batch | None, BaseException | None]]


class WorkerLost(Exception):  # noqa: N818
    """A worker process ended while it was needed; what it read can be read again."""


def begin_worker(worker: int, workers: int) -> None:
    """In a worker, first of all: it ends with its parent, and not by Ctrl-C, which is for that."""
    del worker, workers
    with contextlib.suppress(OSError):
        os.setpgid(0, 0)  # what is sent to a process group, by a terminal, is for the parent

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def watched(reader: Iterator[Batch], workers: int) -> Iterator[Batch]:
    """The items of a reader whose first item starts so many workers.

    Raises:
        WorkerLost: one of them has ended by itself.
    """
    before = set(multiprocessing.active_children())
    items: Items = queue.Queue(1)
    closed = threading.Event()
    threading.Thread(target=_hand_over, args=(reader, items, closed), daemon=True).start()
    own: set[BaseProcess] = set()
    missing = 0
    try:
        while True:
            if len(own) < workers:
                own |= set(multiprocessing.active_children()) - before
            try:
                item, error = items.get(timeout=POLL_SECONDS)
            except queue.Empty:
                # One that ends while it starts is never seen at all.
                missing = missing + 1 if len(own) < workers else 0
                _check(own, missing)
                continue
            if error is not None:
                raise _named(error)
            if item is None:
                return
            yield item
    finally:
        closed.set()
        close: Any = getattr(reader, "close", None)
        if close is not None:
            # It waits for ever where a worker was lost while it was started.
            closing = threading.Thread(target=close, daemon=True)
            closing.start()
            closing.join(CLOSE_SECONDS)


def _hand_over(reader: Iterator[Batch], items: Items, closed: threading.Event) -> None:
    """Puts the items, then None or what was raised, until `closed`."""

    def put(item: Batch | None, error: BaseException | None = None) -> None:
        while not closed.is_set():
            with contextlib.suppress(queue.Full):
                items.put((item, error), timeout=POLL_SECONDS)
                break

    try:
        for item in reader:
            put(item)
            if closed.is_set():
                return
        put(None)
    except BaseException as error:
        put(None, error)


def _check(workers: set[BaseProcess], missing: int) -> None:
    codes = [process.exitcode for process in workers if process.exitcode not in (None, 0)]
    if codes or missing * POLL_SECONDS > START_SECONDS:
        raise _lost(codes[0] if codes else None)


def _named(error: BaseException) -> BaseException:
    """Grain's own word for a lost worker as ours; other errors as they are."""
    found = re.search(r"terminated unexpectedly with exit code (-?\d+)", str(error))
    if not isinstance(error, RuntimeError) or found is None:
        return error
    return _lost(int(found[1]))


def _lost(code: int | None) -> WorkerLost:
    how = "it did not start" if code is None else f"exit code {code}"
    guess = ", often for want of memory" if code == -9 else ""
    return WorkerLost(f"a worker process that reads data was lost ({how}{guess})")
