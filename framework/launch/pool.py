"""Worker processes on this machine, each with its own devices, that live for many trials.

A worker has one trial at a time, or, where trials are packed, as many as a pack has rows.
"""

import select
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from framework.launch.devices import Share
from framework.launch.packing import UNPACKED, Packing
from framework.launch.place import Ended
from framework.launch.process import Process, new_process
from framework.launch.trial import Trial

LOG = "trial.log"


@dataclass
class _Worker:
    """A place for trials, and the process that holds it now.

    Attributes:
        trials: that it has, by number.
        busy: until it says that it is ready for others.
        seconds: of each of its trials until `counted`; rows of a pack divide the time.
    """

    share: Share
    process: Process
    trials: dict[int, Trial] = field(default_factory=dict)
    busy: bool = False
    seconds: float = 0.0
    counted: float = 0.0
    tried: bool = False

    def count(self) -> float:
        """Seconds that each of its trials has had till now."""
        now = time.monotonic()
        self.seconds += (now - self.counted) / max(1, len(self.trials))
        self.counted = now
        return self.seconds


class Pool:
    """The Place `local`. A worker that dies takes a try of its trials with it and is replaced.

    Args:
        packing: how trials are packed.
    """

    def __init__(self, shares: Sequence[Share], packing: Packing = UNPACKED) -> None:
        self.packing = packing
        self._stopping = False
        self._workers = [_Worker(share, new_process()) for share in shares]
        for worker in self._workers:
            _equip(worker)

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Asks a process, before it has trials, and gives its answer.

        Raises:
            EOFError: it was killed; another one has its place.
        """
        try:
            return self._workers[0].process.ask(message)
        except EOFError:
            self._replaced(self._workers[0])
            raise

    def unpack(self) -> None:
        """From now on each trial has its own program."""
        self.packing = UNPACKED

    def free(self) -> int:
        """Trials for workers that have none."""
        return self.packing.rows * sum(not worker.busy for worker in self._workers)

    def start(self, trials: Sequence[Trial]) -> None:
        """Divides them among the workers that have none."""
        idle = [worker for worker in self._workers if not worker.busy]
        for place, worker in enumerate(idle):
            own = trials[place :: len(idle)]
            if not own:
                break
            worker.trials = {trial.number: trial for trial in own}
            worker.busy, worker.seconds, worker.counted = True, 0.0, time.monotonic()
            worker.process.send(self._message(own))

    def wait(self, seconds: float) -> list[Ended]:
        """Tries that ended."""
        ready, _, _ = select.select([worker.process for worker in self._workers], [], [], seconds)
        heard = [self._heard(worker) for worker in [*self._workers] if worker.process in ready]
        return [ended for found in heard for ended in found]

    def stop(self, at_once: bool) -> None:
        """SIGTERM, or SIGKILL; a worker that ends is not replaced any more."""
        self._stopping = True
        for worker in self._workers:
            if at_once:
                worker.process.kill()
            elif worker.busy:
                worker.process.ask_to_stop()

    def close(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            worker.process.kill()

    def _message(self, trials: Sequence[Trial]) -> Mapping[str, Any]:
        told = [
            {"number": trial.number, "words": trial.overrides, "log": str(trial.run / LOG)}
            for trial in trials
        ]
        if len(told) == 1:
            return {"run": told[0]}
        return {"pack": {"trials": told, "forced": self.packing.forced}}

    def _heard(self, worker: _Worker) -> list[Ended]:
        """All that a worker has said."""
        found = []
        try:
            while (message := worker.process.hear()) is not None:
                if "ended" in message:
                    found.append(self._ended(worker, **message["ended"]))
                elif "ready" in message:
                    worker.busy = False
        except EOFError:
            found += self._replaced(worker)
        return found

    def _replaced(self, worker: _Worker) -> list[Ended]:
        code = worker.process.code()
        worker.process.kill()
        if not worker.busy and not worker.tried and code not in (None, 0, 75) and code > 0:
            # It could not even start: the next would not either.
            raise RuntimeError(f"a worker ended with exit code {code} before it had a trial")
        found = [self._ended(worker, number, code, _said_of(code)) for number in [*worker.trials]]
        if self._stopping:
            self._workers.remove(worker)
            return found
        worker.process, worker.tried, worker.busy = new_process(), False, False
        _equip(worker)
        return found

    def _ended(
        self, worker: _Worker, number: int, code: int | None, message: str, packed: bool = False
    ) -> Ended:
        seconds = worker.count()
        del worker.trials[number]
        worker.tried = True
        return Ended(number, code, message, worker.share.shown, seconds, packed)


def _equip(worker: _Worker) -> None:
    share = worker.share
    worker.process.send({"devices": {"environment": share.environment, "cores": share.cores}})


def _said_of(code: int | None) -> str:
    if code is None:
        return "its worker stopped answering"
    if code < 0:
        return f"its worker was killed by {signal.Signals(-code).name}"
    return f"its worker ended with exit code {code}"
