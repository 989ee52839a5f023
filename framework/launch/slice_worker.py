"""A worker on a TPU slice: takes one trial after another, on all hosts of the slice at once.

    python -m framework.launch.slice_worker FOLDER IDLE_SECONDS

The first process alone claims: it takes `FOLDER/next.json`, which a driver has put there, and tells
the others in `current.json`. Each host then starts `experiments.run` with the same words; they find
each other as in any job. The first says in `ended.json` what came of it. What it had claimed when
its pods were lost it goes on with. It ends when nothing was there for so long.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NEXT, CLAIMED, CURRENT, ENDED = "next.json", "claimed.json", "current.json", "ended.json"
AGAIN = 75
_LOOK = 0.5  # seconds between looks


def main(folder: Path, idle_seconds: float, environment: Mapping[str, str] = os.environ) -> int:
    """Works until nothing is there any more; 75 where it was told to end before."""
    worker = Worker(folder, attempt=environment.get("JOBSET_RESTART_ATTEMPT", "0"))
    signal.signal(signal.SIGTERM, worker.end)
    first = all(environment.get(name, "0") == "0" for name in _PLACE)
    try:
        worker.lead(idle_seconds) if first else worker.follow()
    except _Ended:
        return AGAIN
    return 0


_PLACE = ("SLICE_INDEX", "JOB_COMPLETION_INDEX")


class _Ended(Exception):  # noqa: N818
    """SIGTERM has come."""


@dataclass
class Worker:
    """One host's part.

    Attributes:
        attempt: which start of the pods this is; what was said in an earlier one is old.
    """

    folder: Path
    attempt: str
    _turn: int = 0
    _child: "subprocess.Popen[str] | None" = None
    _asked: bool = False
    _said: deque[str] = field(default_factory=lambda: deque(maxlen=40))

    def lead(self, idle_seconds: float) -> None:
        """What the first process does."""
        idle_since = time.monotonic()
        while time.monotonic() - idle_since < idle_seconds:
            task = self._claim()
            if task is None:
                self._pause()
                continue
            self._tell({"task": task})
            begun = time.monotonic()
            code = self._run(task["words"])
            seconds = round(time.monotonic() - begun, 3)
            said = "".join(self._said)
            _write(self.folder / ENDED, {**task, "code": code, "seconds": seconds, "said": said})
            (self.folder / CLAIMED).unlink(missing_ok=True)
            idle_since = time.monotonic()
        self._tell({"task": None})

    def follow(self) -> None:
        """What the others do."""
        while True:
            told = _read(self.folder / CURRENT)
            if told is None or told["attempt"] != self.attempt or told["turn"] <= self._turn:
                self._pause()
                continue
            self._turn = told["turn"]
            if told["task"] is None:
                return
            self._run(told["task"]["words"])

    def end(self, *_: object) -> None:
        """On SIGTERM: the run saves and ends, and then this."""
        self._asked = True
        if self._child is not None and self._child.poll() is None:
            self._child.send_signal(signal.SIGTERM)

    def _claim(self) -> dict[str, Any] | None:
        """What was claimed before its pods were lost, else what is next."""
        before = _read(self.folder / CLAIMED)
        if before is not None:
            return before
        task = _read(self.folder / NEXT)
        if task is not None:
            _write(self.folder / CLAIMED, task)
            (self.folder / NEXT).unlink(missing_ok=True)
        return task

    def _tell(self, what: Mapping[str, Any]) -> None:
        self._turn += 1
        _write(self.folder / CURRENT, {**what, "attempt": self.attempt, "turn": self._turn})

    def _run(self, words: list[str]) -> int:
        """Trains; the exit code.

        Raises:
            _Ended: after SIGTERM, when the run has saved.
        """
        self._said.clear()
        self._child = child = subprocess.Popen(
            [sys.executable, "-m", "experiments.run", *words], stderr=subprocess.PIPE, text=True
        )
        if self._asked:  # in this very moment
            child.send_signal(signal.SIGTERM)
        listener = threading.Thread(target=self._listen, args=(child,))
        listener.start()
        code = child.wait()
        listener.join()
        if self._asked:
            raise _Ended
        return code

    def _listen(self, child: "subprocess.Popen[str]") -> None:
        assert child.stderr is not None
        for line in child.stderr:
            sys.stderr.write(line)
            self._said.append(line)

    def _pause(self) -> None:
        if self._asked:
            raise _Ended
        time.sleep(_LOOK)


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return found


def _write(file: Path, values: Mapping[str, Any]) -> None:
    """Whole or not at all: beside it first, then in its place."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, prefix=".", delete=False) as beside:
        json.dump(values, beside)
    Path(beside.name).replace(file)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2])))
