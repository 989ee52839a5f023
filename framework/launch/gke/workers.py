"""A place that holds slices: a JobSet for each worker, which trains one trial after another.

Between trials nothing is queued, admitted or scheduled, and no image is pulled. A driver gives each
worker its next trial through the storage, so that no two can claim the same; on the slice the first
process alone takes it (`framework.launch.slice_worker`).
"""

import json
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from framework.config import InvalidConfig
from framework.launch.gke.cancelled import SAID, is_cancelled
from framework.launch.gke.claims import Claim, claim_of
from framework.launch.gke.cluster import Cluster, ClusterError, Refused, Seen
from framework.launch.gke.lint import check
from framework.launch.gke.manifest import MISTAKE, of_worker, words_of
from framework.launch.gke.order import Order
from framework.launch.gke.place import AGAIN, FAULT, device_of
from framework.launch.gke.saved import saved_of
from framework.launch.gke.situation import Situation, State, situation
from framework.launch.last_words import last_words
from framework.launch.names import identity, worker_identity
from framework.launch.place import Ended
from framework.launch.slice_worker import CLAIMED, ENDED, NEXT
from framework.launch.storage import Storage, StorageError
from framework.launch.trial import Trial

_GONE = ("absent", "done", "failed", "deactivated")  # works no more, and has nothing any more


@dataclass
class _Given:
    """A trial that a worker has.

    Attributes:
        token: of this try.
        looked: when that was last looked at, by this machine's clock.
        seconds: for which its worker had its slices since it was given, as far as that was seen.
        ready: whether the worker's JobSet is there.
    """

    trial: Trial
    token: str
    looked: float
    seconds: float = 0.0
    ready: bool = False

    def saw(self, now: Situation) -> None:
        """A worker that waits for its slices takes no time."""
        looked, self.looked = self.looked, time.monotonic()
        self.seconds += self.looked - looked if now.since else 0.0


@dataclass
class Workers:
    """Gives trials to workers, and tells what became of them.

    Attributes:
        fits: raises InvalidConfig for words whose program does not fit the slice.
        begin: called before trials are given out.
        say: prints a line for people.
    """

    order: Order
    cluster: Cluster
    storage: Storage
    fits: Callable[[Sequence[str]], object]
    begin: Callable[[], object] = lambda: None
    say: Callable[[str], None] = print
    _given: dict[int, _Given] = field(default_factory=dict)
    _waiting: list[Trial] = field(default_factory=list)
    _ended: list[Ended] = field(default_factory=list)
    _stopping: bool = False
    _looked: float = float("-inf")

    def free(self) -> int:
        """Workers without a trial."""
        if self._stopping:
            return 0
        workers = self.order.options.workers or 0
        return max(0, workers - len(self._given) - len(self._waiting))

    def start(self, trials: Sequence[Trial]) -> None:
        """Trials are given out from the next look on, but for those that a worker has already."""
        self.begin()
        self._waiting += trials
        self._looked = float("-inf")

    def wait(self, seconds: float) -> list[Ended]:
        """Tries that ended, waiting that long at most for the first one."""
        deadline = time.monotonic() + seconds
        pause = 1.0 if self._stopping else self.order.options.poll_seconds
        while True:
            if time.monotonic() - self._looked >= pause:
                self._looked = time.monotonic()
                self._look()
            ended, self._ended = self._ended, []
            left = min(deadline, self._looked + pause) - time.monotonic()
            if ended or time.monotonic() >= deadline:
                return ended
            time.sleep(max(0.0, left))

    def stop(self, at_once: bool) -> None:
        """Takes the workers away: what they train saves and ends, or is killed."""
        self._stopping = True
        self._ended += [Ended(trial.number, AGAIN, "not started yet") for trial in self._waiting]
        self._waiting.clear()
        for worker in range(self.order.options.workers or 0):
            try:
                self.cluster.delete(worker_identity(worker).name(self.order.sweep), at_once=at_once)
            except ClusterError as error:
                self.say(str(error))
        self._looked = float("-inf")

    def _look(self) -> None:
        try:
            seen = self.cluster.look(self.order.sweep)
            for worker, given in list(self._given.items()):
                if given.ready:
                    self._follow(worker, seen)
            self._give_out(seen)
            for worker in [w for w, given in self._given.items() if not given.ready]:
                self._prepare(worker, seen)
        except Refused as error:  # no trial of this sweep can ever be told of
            self._ended += [Ended(t.number, MISTAKE, str(error)) for t in self._waiting]
            self._waiting.clear()
            for worker in list(self._given):
                self._over(worker, MISTAKE, str(error), 0.0)
        except (ClusterError, StorageError) as error:
            self.say(f"{error}; tried again")

    def _follow(self, worker: int, seen: Seen) -> None:
        given = self._given[worker]
        run, folder = identity(given.trial).folder, worker_identity(worker).folder
        said = json.loads(self.storage.read(f"{folder}/{ENDED}") or "{}")
        if said.get("token") == given.token:
            self.storage.collect(run, given.trial.run)
            step, complete = self._saved(run, said["code"]), self.storage.complete(run)
            self.storage.remove(f"{folder}/{ENDED}")
            code, message = said["code"], last_words(said["said"]) if said["code"] else ""
            if is_cancelled(given.trial.run) and not complete:
                code, message = FAULT, SAID
            self._over(worker, code, message, said["seconds"], step)
            return
        self.storage.follow(run, given.trial.run)
        now = situation(seen, worker_identity(worker).name(self.order.sweep))
        given.saw(now)
        if now.state in _GONE:
            # The worker is gone, and took one trial's try with it.
            code = AGAIN if self._stopping else now.code or None
            step = self._saved(run, code)
            self._forget(worker)
            if is_cancelled(given.trial.run):
                self._over(worker, FAULT, SAID, given.seconds)
                return
            self._over(worker, code, now.why, given.seconds, step)

    def _saved(self, run: str, code: int | None) -> int | None:
        """When all is being stopped nobody counts, and nothing shall wait for the storage."""
        return None if self._stopping else saved_of(self.storage, run, code)

    def _give_out(self, seen: Seen) -> None:
        """Gives waiting trials to the workers that have them already, then the others to free
        ones. A worker that still has another trial is passed over until it has ended that.
        """
        if not self._waiting:
            return
        free = [w for w in range(self.order.options.workers or 0) if w not in self._given]
        had = {worker: claim_of(self.storage, worker) for worker in free}
        by_folder = {identity(trial).folder: trial for trial in self._waiting}
        for worker, claim in had.items():
            trial = by_folder.pop(claim.trial, None) if claim is not None else None
            if claim is not None and trial is not None:
                if not is_cancelled(trial.run):  # else it was asked to end, and shall
                    self.storage.admit(claim.trial, trial.run)
                self._take(worker, trial, claim.token)
                free.remove(worker)
        for worker in sorted(free, key=lambda w: had[w] is not None):
            if self._busy(worker, had[worker], seen):
                continue
            token: str | None = None
            while self._waiting and token is None:  # past those that need no worker
                token = self._give(worker, trial := self._waiting[0])
                self._take(worker, trial, token)

    def _busy(self, worker: int, claim: Claim | None, seen: Seen) -> bool:
        """Whether it trains a trial of an earlier driver's; what is lost with it, nobody has."""
        if claim is None or claim.ended:
            return False
        state = situation(seen, worker_identity(worker).name(self.order.sweep)).state
        # What is not claimed yet is claimed within the moment by a worker that runs.
        return state not in _GONE if claim.claimed else state == "running"

    def _take(self, worker: int, trial: Trial, token: str | None) -> None:
        """A trial waits no more; with a token, a worker has it."""
        self._waiting.remove(trial)
        if token is not None:
            self._given[worker] = _Given(trial, token, time.monotonic())

    def _give(self, worker: int, trial: Trial) -> str | None:
        """The token of the try; None where its program does not fit, or it is complete or
        cancelled.
        """
        if self.storage.complete(identity(trial).folder):
            self.storage.collect(identity(trial).folder, trial.run)
            self._ended.append(Ended(trial.number, 0, "", device_of(self.order)))
            return None
        if is_cancelled(trial.run):
            self._ended.append(Ended(trial.number, FAULT, SAID))
            return None
        try:
            self.fits(trial.overrides)
        except InvalidConfig as error:
            lines = "; ".join(map(str, error.problems))
            self._ended.append(Ended(trial.number, MISTAKE, lines))
            return None
        folder, token = worker_identity(worker).folder, secrets.token_hex(8)
        words = words_of(self.order, trial)
        self.storage.admit(identity(trial).folder, trial.run)
        for name in (CLAIMED, ENDED):
            self.storage.remove(f"{folder}/{name}")
        task = {"trial": identity(trial).folder, "token": token, "words": words}
        self.storage.write(f"{folder}/{NEXT}", json.dumps(task))
        return token

    def _prepare(self, worker: int, seen: Seen) -> None:
        """Has the worker's JobSet made; where it never will be, the try that it was given ends."""
        state = situation(seen, worker_identity(worker).name(self.order.sweep)).state
        trial = self._given[worker].trial
        if state in _GONE and is_cancelled(trial.run):
            folder = identity(trial).folder
            self.storage.collect(folder, trial.run)
            end = (0, "") if self.storage.complete(folder) else (FAULT, SAID)
            self._forget(worker)
            self._over(worker, *end, 0.0)
            return
        try:
            self._given[worker].ready = self._make_ready(worker, state)
        except Refused as error:
            self._forget(worker)
            self._over(worker, MISTAKE, str(error), 0.0)

    def _forget(self, worker: int) -> None:
        """Takes away what a worker that works no more had, so that none goes on with it."""
        for name in (NEXT, CLAIMED):
            self.storage.remove(f"{worker_identity(worker).folder}/{name}")

    def _make_ready(self, worker: int, state: State) -> bool:
        """Whether the worker's JobSet is there; one that works no more is replaced, step by step
        from look to look.
        """
        name = worker_identity(worker).name(self.order.sweep)
        if state in ("done", "failed", "deactivated"):
            self.cluster.delete(name)
            return False
        if state == "absent":
            manifest = of_worker(self.order, worker)
            check(manifest)
            self.cluster.create(manifest)
        return state != "leaving"

    def _over(
        self, worker: int, code: int | None, message: str, seconds: float, step: int | None = None
    ) -> None:
        given = self._given.pop(worker)
        device = device_of(self.order)
        self._ended.append(Ended(given.trial.number, code, message, device, seconds, step=step))
