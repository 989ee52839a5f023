"""A place that asks Cloud TPU for the machines of each trial.

Machines that are taken away do not come back by themselves, and hold their quota until they are
deleted: then they are deleted and asked for again, as one try of the trial, which goes on from its
checkpoint in the storage.
"""

import json
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from framework.launch.last_words import last_words
from framework.launch.names import Identity, identity
from framework.launch.place import Ended
from framework.launch.storage import Storage, StorageError
from framework.launch.tpu_vm import cloud, commands
from framework.launch.tpu_vm.cloud import NotNow, Queued, Refused
from framework.launch.tpu_vm.order import Order
from framework.launch.tpu_vm.startup import EXIT, LOG, STARTED, STOP, startup
from framework.launch.trial import Trial
from framework.run import write_text

AGAIN, MISTAKE = 75, 2
OVER = (0, 1, 2)  # codes after which a trial is not started again on its machines
QUIET = 900.0  # seconds that machines may be there before their trial starts; a line tells then
_SOON = 2.0  # seconds between questions while all is being stopped


@dataclass
class _Running:
    """A try.

    Attributes:
        asked: whether its machines were asked for, in this try's or an earlier driver's time.
        step: the newest checkpoint when they were.
        without: how often in a row they were taken away without a step gained.
        since: when they became active; None where they are not, or were taken away.
        held: seconds that earlier ones were.
        checked: whether these machines are known to have started the trial, or told of.
    """

    trial: Trial
    which: Identity
    asked: bool = False
    step: int = 0
    without: int = 0
    since: float | None = None
    held: float = 0.0
    checked: bool = False

    @property
    def here(self) -> float:
        """Seconds that its machines are active."""
        return 0.0 if self.since is None else time.monotonic() - self.since

    def lose(self) -> None:
        """Its machines were taken away."""
        self.held, self.since, self.checked = self.held + self.here, None, False


@dataclass
class QueuedMachines:
    """Asks for machines, watches them, and gives them back.

    Attributes:
        scripts: a folder for startup scripts.
        max_tries: starts in a row on the same machines that may gain nothing.
        say: prints a line for people.
    """

    order: Order
    storage: Storage
    scripts: Path
    max_tries: int = 3
    say: Callable[[str], None] = print
    _running: dict[int, _Running] = field(default_factory=dict)
    _stopping: bool = False
    _looked: float = float("-inf")
    _said: dict[str, str] = field(default_factory=dict)
    _fault: str = ""

    def free(self) -> int:
        """Trials whose machines may still be asked for."""
        most = self.order.options.max_at_once
        return 0 if self._stopping else max(0, most - len(self._running))

    def start(self, trials: Sequence[Trial]) -> None:
        """Machines are asked for at the next look, but for those that are there already."""
        for trial in trials:
            self._running[trial.number] = _Running(trial, identity(trial))
        self._looked = float("-inf")

    def wait(self, seconds: float) -> list[Ended]:
        """Tries that ended, waiting that long at most for the first one."""
        deadline = time.monotonic() + seconds
        poll = self.order.options.poll_seconds
        pause = min(_SOON, poll) if self._stopping else poll
        while True:
            left = self._looked + pause - time.monotonic()
            if left <= 0:
                ended = self._look()
                self._looked = time.monotonic()
                if ended:
                    return ended
            if time.monotonic() >= deadline:
                return []
            time.sleep(max(0.0, min(left, deadline - time.monotonic(), 0.5)))

    def stop(self, at_once: bool) -> None:
        """Trials save and end, or their machines are taken from them."""
        self._stopping = True
        self._looked = float("-inf")
        for each in self._running.values():
            self._trying(partial(self._stop, each, at_once))

    def _look(self) -> list[Ended]:
        """One question for all, and one step with each trial."""
        found: list[Ended] = []
        self._trying(partial(self._follow_all, found))
        for ended in found:
            del self._running[ended.number]
        return found

    def _follow_all(self, found: list[Ended]) -> None:
        there = cloud.read(cloud.run(commands.list_all(self.order)))
        for each in self._running.values():
            self._trying(partial(self._follow, each, there, found))

    def _follow(self, each: _Running, there: dict[str, Queued], ended: list[Ended]) -> None:
        queued = there.get(each.which.name(self.order.sweep))
        self._tell_state(each, queued)
        left = self._left(each)
        if left is not None:
            ended.append(self._over(each, *left))
        elif queued is None:
            ended += self._absent(each)
        else:
            each.asked = each.asked or queued.state != cloud.DELETING
            ended += self._present(each, queued)

    def _present(self, each: _Running, queued: Queued) -> list[Ended]:
        if queued.state == cloud.TAKEN:
            each.lose()
            self._delete(each)  # and asked for again once they are gone
        elif queued.state == cloud.FAILED:
            step = self.storage.step(each.which.folder)
            self._delete(each)
            said = queued.said or "no machines were to be had"
            return [self._ended(each, AGAIN if self._stopping else None, said, step)]
        elif queued.state == cloud.ACTIVE:
            each.since = time.monotonic() if each.since is None else each.since
            self.storage.follow(each.which.folder, each.trial.run)
            self._tell_quiet(each)
        elif self._stopping and queued.state in cloud.COMING:
            self._delete(each)
        return []

    def _left(self, each: _Running) -> tuple[int, float] | None:
        """Exit code and seconds of a try that is over; one that was taken away is not."""
        text = self.storage.read(f"{each.which.folder}/{EXIT}")
        try:
            found = json.loads(text or "null")
        except json.JSONDecodeError:  # half of it
            return None
        if found is None or (found["asked"] and found["code"] not in OVER and not self._stopping):
            return None
        return found["code"], found["seconds"]

    def _over(self, each: _Running, code: int, seconds: float) -> Ended:
        folder = each.which.folder
        self.storage.collect(folder, each.trial.run)
        log = self.storage.read(f"{folder}/{LOG}") or ""
        step = None if code in OVER else self.storage.step(folder)  # before anything is removed
        self._delete(each)
        self.storage.remove(f"{folder}/{EXIT}")
        message = last_words(log) if code else ""
        return Ended(each.trial.number, code, message, self._device, seconds, step=step)

    def _absent(self, each: _Running) -> list[Ended]:
        """Asks for machines: for the first time, or again."""
        folder = each.which.folder
        if self._stopping:
            return [self._ended(each, AGAIN, "given back")]
        step = self.storage.step(folder)
        if each.since is not None:
            bucket = self.order.options.storage
            said = f"its machines gave themselves back without a word: can they mount {bucket}?"
            return [self._ended(each, None, said, step)]
        if each.asked:
            each.without = 0 if step > each.step else each.without + 1
            if each.without >= self.order.options.max_asks:
                said = f"its machines were taken away {each.without} times without a step gained"
                return [self._ended(each, None, f"{said} (launch.max_asks)", step)]
        each.step = step
        self.storage.admit(folder, each.trial.run)
        for name in (STOP, EXIT, STARTED):
            self.storage.remove(f"{folder}/{name}")
        try:
            cloud.run(commands.create(self.order, *self.written(each.trial)))
        except Refused as error:
            return [self._ended(each, MISTAKE, str(error))]
        each.asked = True
        return []

    def written(self, trial: Trial) -> tuple[str, str]:
        """The name of a trial's machines, and the file of their startup script."""
        which = identity(trial)
        words = [word for word in trial.overrides if not word.lstrip("+").startswith("run.dir=")]
        name = which.name(self.order.sweep)
        file = self.scripts / f"{name}.sh"
        write_text(file, startup(self.order, which, words, self.max_tries))
        return name, str(file)

    def _stop(self, each: _Running, at_once: bool) -> None:
        if at_once:
            self._delete(each)
        else:
            self.storage.write(f"{each.which.folder}/{STOP}", "")

    def _delete(self, each: _Running) -> None:
        cloud.run(commands.delete(self.order, each.which.name(self.order.sweep)))

    def _ended(
        self, each: _Running, code: int | None, message: str, step: int | None = None
    ) -> Ended:
        seconds = each.held + each.here
        return Ended(each.trial.number, code, message, self._device, seconds, step=step)

    @property
    def _device(self) -> str:
        count = f"{self.order.slices} × " if self.order.slices > 1 else ""
        return f"{count}{self.order.slice.name}"

    def _tell_state(self, each: _Running, queued: Queued | None) -> None:
        """A line where it has changed."""
        name = each.which.name(self.order.sweep)
        state = "" if queued is None else queued.state
        if state != self._said.get(name, ""):
            self.say(f"{name}: {state or 'gone'}")
        self._said[name] = state

    def _tell_quiet(self, each: _Running) -> None:
        """A line, once, where machines have not started their trial for long."""
        if each.checked or each.here < QUIET:
            return
        name = each.which.name(self.order.sweep)
        if self.storage.read(f"{each.which.folder}/{STARTED}") is None:
            look = shlex.join(commands.log(self.order, name))
            self.say(f"{name}: no sign of its trial after {QUIET / 60:.0f} minutes; see: {look}")
        each.checked = True

    def _trying(self, act: Callable[[], object]) -> None:
        """What cannot be done now is done at the next look."""
        try:
            act()
        except (NotNow, Refused, StorageError) as error:
            line = f"{error}; tried again"
            if line != self._fault:  # once, however often it is so
                self._fault = line
                self.say(line)
