"""A place that makes a JobSet of each trial.

A trial is running here from its submission on, also while it waits in the queue, is preempted and
admitted again, or is restarted: that is one try. The cluster needs no driver for any of it. The
next driver finds JobSets by their trials' names and takes them over.
"""

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from framework.config import InvalidConfig
from framework.launch.gke.cancelled import SAID, is_cancelled
from framework.launch.gke.cluster import Cluster, ClusterError, Refused, Seen
from framework.launch.gke.lint import check
from framework.launch.gke.manifest import MISTAKE, of_trial
from framework.launch.gke.order import Order
from framework.launch.gke.saved import saved_of
from framework.launch.gke.situation import Situation, situation
from framework.launch.names import identity
from framework.launch.place import Ended
from framework.launch.storage import Storage, StorageError
from framework.launch.trial import Trial
from framework.run import write_text

AGAIN, FAULT = 75, 1
TOLD = "jobset_told"  # a file in a run directory: the JobSet whose end its driver knows
_SOON = 1.0  # seconds between questions while all is being stopped


@dataclass
class _Running:
    """A trial here.

    Attributes:
        name: of its JobSet.
        folder: in the storage.
        submitted: its JobSet was seen, or made.
        step: the newest checkpoint when it was last restarted without being counted.
        free: how often that was.
        idle: how often in a row without a newer checkpoint.
        since: its last admission that was seen, with the seconds since then.
        before: seconds of the admissions before, each as it was last seen.
    """

    trial: Trial
    name: str
    folder: str
    submitted: bool = False
    step: int = 0
    free: int = 0
    idle: int = 0
    since: tuple[str, float] = ("", 0.0)
    before: float = 0.0

    @property
    def seconds(self) -> float:
        """For which it has held its slices."""
        return self.before + self.since[1]

    def saw(self, now: Situation) -> None:
        """A preempted trial knows nothing of the times before."""
        if now.since != self.since[0]:
            self.before = self.seconds
        self.since = now.since, now.seconds


@dataclass
class JobSets:
    """Submits JobSets, and tells what became of them.

    Attributes:
        fits: raises InvalidConfig for words whose program does not fit the slice.
        begin: called before trials are submitted.
        say: prints a line for people.
    """

    order: Order
    cluster: Cluster
    storage: Storage
    fits: Callable[[Sequence[str]], object]
    begin: Callable[[], object] = lambda: None
    say: Callable[[str], None] = print
    _running: dict[int, _Running] = field(default_factory=dict)
    _said: str = ""
    _stopping: bool = False
    _looked: float = float("-inf")
    _changed: threading.Event = field(default_factory=threading.Event)
    _watcher: threading.Thread | None = None
    _ending: threading.Event = field(default_factory=threading.Event)

    def free(self) -> int:
        """How many trials may still be queued."""
        if self._stopping:
            return 0
        return max(0, self.order.options.max_at_once - len(self._running))

    def start(self, trials: Sequence[Trial]) -> None:
        """Trials are submitted at the next look, but for those whose JobSets are there."""
        self.begin()
        for trial in trials:
            own = identity(trial)
            name = own.name(self.order.sweep)
            self._running[trial.number] = _Running(trial, name, own.folder)
        self._changed.set()
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._watch, daemon=True)
            self._watcher.start()
            atexit.register(self._end, self._watcher)

    def wait(self, seconds: float) -> list[Ended]:
        """Tries that ended, waiting that long at most for the first one."""
        deadline = time.monotonic() + seconds
        while True:
            if self._due():
                ended = self._look()
                if ended:
                    return ended
            left = deadline - time.monotonic()
            if left <= 0:
                return []
            self._changed.wait(min(left, _SOON))

    def stop(self, at_once: bool) -> None:
        """Takes the JobSets away: their pods save and end, or are killed."""
        self._stopping = True
        for each in self._running.values():
            try:
                self.cluster.delete(each.name, at_once=at_once)
            except ClusterError as error:
                self._say(str(error))
        self._looked = float("-inf")

    def _watch(self) -> None:
        """Has `wait` look as soon as something changes."""
        pause = self.order.options.poll_seconds
        while not self._ending.is_set():
            try:
                self.cluster.changed(self.order.sweep, pause)
            except ClusterError:
                self._ending.wait(pause)
            self._changed.set()
            self._ending.wait(min(pause, _SOON))  # many things change at once

    def _end(self, watcher: threading.Thread) -> None:
        """Before the interpreter does: a thread that it finds in a library may abort it."""
        self._ending.set()
        watcher.join(_SOON)

    def _due(self) -> bool:
        pause = _SOON if self._stopping else self.order.options.poll_seconds
        if self._changed.is_set() or time.monotonic() - self._looked >= pause:
            self._changed.clear()
            self._looked = time.monotonic()
            return bool(self._running)
        return False

    def _look(self) -> list[Ended]:
        """Asks for everything at once, and does for each trial what has to be done."""
        try:
            seen = self.cluster.look(self.order.sweep)
        except Refused as error:  # no trial of this sweep can ever be told of
            return [self._over(each, MISTAKE, str(error)) for each in list(self._running.values())]
        except ClusterError as error:
            self._say(f"{error}; asked again in {self.order.options.poll_seconds:g} s")
            return []
        ended = []
        for each in list(self._running.values()):
            try:
                found = self._one(each, seen)
            except Refused as error:
                found = self._over(each, MISTAKE, str(error))
            except InvalidConfig as error:
                found = self._over(each, MISTAKE, "; ".join(map(str, error.problems)))
            except (ClusterError, StorageError) as error:
                self._say(f"trial {each.trial.number}: {error}; tried again")
                continue
            if found is not None:
                ended.append(found)
        return ended

    def _one(self, each: _Running, seen: Seen) -> Ended | None:
        now = situation(seen, each.name)
        if not each.submitted:
            return self._submit(each, seen, now)
        each.saw(now)
        if now.state == "absent":
            if self._stopping:
                return self._over(each, AGAIN, "taken back from the cluster")
            if is_cancelled(each.trial.run):
                return self._over(each, FAULT, SAID)
            return self._over(each, None, "its JobSet was taken away by somebody else")
        run = each.trial.run
        if now.state in ("done", "failed"):
            self.storage.collect(each.folder, run)
            return self._over(each, now.code, now.why if now.code else "", seen)
        if now.state == "deactivated":
            return self._over(each, None, now.why, seen)
        self.storage.follow(each.folder, run)
        return self._guard(each, now, seen)

    def _submit(self, each: _Running, seen: Seen, now: Situation) -> Ended | None:
        """Makes the JobSet of a trial, once an earlier one that was told of is gone."""
        there = seen.jobset(each.name)
        if there is not None:
            if there["metadata"]["uid"] == told(each.trial.run):
                self.cluster.delete(each.name)
            elif now.state != "leaving":
                self._take_over(each, now)
            return None
        if self._stopping:
            return self._over(each, AGAIN, "not submitted yet")
        if self.storage.complete(each.folder):  # its JobSet was kept for `keep_seconds` only
            self.storage.collect(each.folder, each.trial.run)
            return self._over(each, 0, "")
        if is_cancelled(each.trial.run):  # while no driver was at work
            return self._over(each, FAULT, SAID)
        self.fits(each.trial.overrides)
        manifest = of_trial(self.order, each.trial)
        check(manifest)
        self.storage.admit(each.folder, each.trial.run)
        self.cluster.create(manifest)  # where another driver was faster, its JobSet is ours
        self._take_over(each, Situation("queued"))
        return None

    def _take_over(self, each: _Running, now: Situation) -> None:
        each.submitted, each.free = True, now.free
        each.step = self.storage.step(each.folder)

    def _guard(self, each: _Running, now: Situation, seen: Seen) -> Ended | None:
        """JobSet restarts without end what exits with 75, also where nothing is ever gained."""
        if now.free <= each.free:
            return None
        step = self.storage.step(each.folder)
        each.idle = 0 if step > each.step else each.idle + now.free - each.free
        each.free, each.step = now.free, step
        if each.idle < self.order.options.idle_restarts:
            return None
        self.cluster.delete(each.name)
        self.storage.collect(each.folder, each.trial.run)
        why = f"restarted {each.idle} times in a row without a checkpoint after step {step}"
        return self._over(each, FAULT, f"{why} (launch.idle_restarts)", seen)

    def _over(
        self, each: _Running, code: int | None, message: str, seen: Seen | None = None
    ) -> Ended:  # fmt: skip
        number = each.trial.number
        # When all is being stopped nobody counts, and nothing shall wait for the storage.
        step = None if self._stopping else saved_of(self.storage, each.folder, code)
        jobset = None if seen is None else seen.jobset(each.name)
        if jobset is not None:
            write_text(each.trial.run / TOLD, jobset["metadata"]["uid"])
        del self._running[number]
        return Ended(number, code, message, device_of(self.order), each.seconds, step=step)

    def _say(self, line: str) -> None:
        if line != self._said:  # once, however often it is so
            self._said = line
            self.say(line)


def told(run: Path) -> str | None:
    """The JobSet of a trial whose end a driver knows: a next try is another one."""
    try:
        return (run / TOLD).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def device_of(order: Order) -> str:
    """What a trial runs on, such as `TPU v5e 16x16 × 2`."""
    times = f" × {order.slices}" if order.slices > 1 else ""
    return f"TPU {order.slice.chip.name} {order.slice.topology}{times}"
