"""Worker processes on this machine, each with its own devices, that live for many trials."""

import select
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from framework.launch.devices import Share
from framework.launch.place import Ended
from framework.launch.process import Process
from framework.launch.trial import Trial

LOG = "trial.log"
_early: list[Process] = []


def begin_early() -> None:
    """Starts a worker before it is known what for: its imports are the longest part of a start."""
    _early.append(Process())


def new_process() -> Process:
    """The one that was begun early, or one that begins now."""
    return _early.pop() if _early else Process()


def end_early() -> None:
    """Ends the one that was begun early, where nobody took it."""
    while _early:
        _early.pop().kill()


@dataclass
class _Worker:
    """A place for one trial at a time, and the process that holds it now."""

    share: Share
    process: Process
    trial: Trial | None = None
    begun: float = 0.0
    tried: bool = field(default=False)


class Pool:
    """The Place `local`. A worker that dies takes the try of its trial with it and is replaced."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self._workers = [_Worker(share, new_process()) for share in shares]
        for worker in self._workers:
            _equip(worker)

    @property
    def first(self) -> Process:
        """One of the processes, to check a sweep before it starts."""
        return self._workers[0].process

    @property
    def processes(self) -> list[int]:
        """Their ids."""
        return [worker.process.pid for worker in self._workers]

    def free(self) -> int:
        """Workers without a trial."""
        return sum(worker.trial is None for worker in self._workers)

    def start(self, trials: Sequence[Trial]) -> None:
        """Gives each to a worker that has none."""
        idle = [worker for worker in self._workers if worker.trial is None]
        for worker, trial in zip(idle, trials, strict=False):
            worker.trial, worker.begun = trial, time.monotonic()
            log = str(trial.run / LOG)
            message = {"number": trial.number, "words": trial.overrides, "log": log}
            worker.process.send({"run": message})

    def wait(self, seconds: float) -> list[Ended]:
        """Tries that ended."""
        ready, _, _ = select.select([worker.process for worker in self._workers], [], [], seconds)
        found = [self._heard(worker) for worker in self._workers if worker.process in ready]
        return [ended for ended in found if ended is not None]

    def stop(self, at_once: bool) -> None:
        """SIGTERM, or SIGKILL."""
        for worker in self._workers:
            if at_once:
                worker.process.kill()
            elif worker.trial is not None:
                worker.process.ask_to_stop()

    def close(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            worker.process.kill()

    def _heard(self, worker: _Worker) -> Ended | None:
        try:
            message = worker.process.hear()
        except EOFError:
            return self._replaced(worker)
        ended = (message or {}).get("ended")
        return self._ended(worker, ended["code"], ended["message"]) if ended else None

    def _replaced(self, worker: _Worker) -> Ended | None:
        code = worker.process.code()
        worker.process.kill()
        idle = worker.trial is None
        if idle and not worker.tried and code not in (None, 0, 75) and code > 0:
            # It could not even start: the next would not either.
            raise RuntimeError(f"a worker ended with exit code {code} before it had a trial")
        worker.process, worker.tried = new_process(), False
        _equip(worker)
        return None if idle else self._ended(worker, code, _said_of(code))

    def _ended(self, worker: _Worker, code: int | None, message: str) -> Ended:
        assert worker.trial is not None
        number, seconds = worker.trial.number, time.monotonic() - worker.begun
        worker.trial, worker.tried = None, True
        return Ended(number, code, message, worker.share.shown, seconds)


def _equip(worker: _Worker) -> None:
    share = worker.share
    worker.process.send({"devices": {"environment": share.environment, "cores": share.cores}})


def _said_of(code: int | None) -> str:
    if code is None:
        return "its worker stopped answering"
    if code < 0:
        return f"its worker was killed by {signal.Signals(-code).name}"
    return f"its worker ended with exit code {code}"
