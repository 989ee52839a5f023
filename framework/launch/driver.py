"""The loop of a sweep: start what can be started, wait, write down what ended, tell the source."""

import contextlib
import json
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from framework.launch.evidence import STOP_REQUEST, Tail, result, saved_step, summary
from framework.launch.place import Ended, Place
from framework.launch.source import Source
from framework.launch.table import Row, Table
from framework.launch.trial import State, Trial

POLL_SECONDS = 0.2
START_AGAIN = 75
KILLS = (134, 137, 139, 143)  # as shells and containers tell of signals


class Observer(Protocol):
    """Who watches a sweep; called by the driver's thread, which waits for it."""

    def row(self, row: Row) -> None:
        """A trial's line has changed."""
        ...

    def evaluated(self, number: int, step: int, metrics: Mapping[str, float]) -> None:
        """A trial that runs has evaluated."""
        ...

    def tick(self) -> None:
        """A moment has passed."""
        ...


@dataclass
class _Running:
    """A try under way: where it began, and what it logs."""

    trial: Trial
    saved: int
    tail: Tail
    pruned: bool = False


@dataclass
class Driver:
    """Brings every trial that a source proposes to its end.

    Attributes:
        make_trial: of a number and the values of the swept keys.
        max_tries: tries that may be lost in a row, without a step gained, to faults of the world.
        asked: 0, or how often the user or the machine asked to stop.
    """

    table: Table
    source: Source
    place: Place
    make_trial: Callable[[int, Mapping[str, Any]], Trial]
    observer: Observer
    max_tries: int = 3
    asked: Callable[[], int] = lambda: 0
    _running: dict[int, _Running] = field(default_factory=dict)
    _waiting: list[int] = field(default_factory=list)
    _lost: dict[int, int] = field(default_factory=dict)
    _elsewhere: dict[int, int] = field(default_factory=dict)
    _told_to_stop: int = 0

    def run(self) -> None:
        """Until all have ended, or those that run have saved after somebody asked to stop."""
        self._take_up()
        while self._goes_on():
            if not self.asked():
                self._start()
            over = self.place.wait(POLL_SECONDS)
            self._listen({ended.number for ended in over})
            for ended in over:
                if ended.number in self._running:
                    self._ended(ended)
            self._stop_if_asked()
            self.observer.tick()
        self._stop_if_asked()
        for number in list(self._running):  # ended at once
            self._put(number, state="waiting")

    def _goes_on(self) -> bool:
        if self.asked() > 1:
            return False
        if self._running:
            return True
        return not self.asked() and bool(self._waiting or not self.source.finished())

    def _take_up(self) -> None:
        """What an earlier driver left: trials that ended are told, the others wait, first of all
        those that were running, as a place may have them still.
        """
        ran = 0
        for row in list(self.table):
            known = row.state in ("done", "failed")
            found = {} if known else summary(self.make_trial(row.number, row.values).run)
            if found.get("complete"):  # between its end and its line, or it went on by itself
                self._put(row.number, state="done", result=result(found), message="")
            elif not row.ended:
                if row.state == "running":
                    self._waiting.insert(ran, row.number)
                    ran += 1
                    self._put(row.number, state="waiting")
                else:
                    self._waiting.append(row.number)
                continue
            row = self.table[row.number]
            self.source.tell(row.number, row.state, row.result or None)

    def _start(self) -> None:
        free = self.place.free()
        trials: list[Trial] = []
        while free > 0 and (number := self._next()) is not None:
            row = self.table[number]
            trial = self.make_trial(number, row.values)
            saved = max(saved_step(trial.run), self._elsewhere.get(number, 0))
            self._running[number] = _Running(trial, saved, Tail(trial.run))
            self._put(number, state="running", tries=row.tries + 1, run=str(trial.run))
            trials.append(trial)
            free -= 1
        if trials:  # together: a place may make rows of one program of them
            self.place.start(trials)

    def _next(self) -> int | None:
        if self._waiting:
            return self._waiting.pop(0)
        proposed = self.source.propose()
        if proposed is None:
            return None
        number, values = proposed
        if number not in self.table:
            row = Row(number, dict(values))
            self.table.put(row)
            self.observer.row(row)
        return number

    def _ended(self, ended: Ended) -> None:
        running = self._running.pop(ended.number)
        state, message, found = self._judged(ended, running)
        row = self._put(
            ended.number, state=state, message=message, device=ended.device,
            seconds=round(self.table[ended.number].seconds + ended.seconds, 3), result=found,
            packed=ended.packed,
        )  # fmt: skip
        if state == "waiting":
            self._waiting.append(ended.number)
        else:
            self.source.tell(ended.number, state, row.result or None)

    def _judged(self, ended: Ended, running: _Running) -> tuple[State, str, dict[str, float]]:
        """What a try has come to: its state, why, and its result."""
        number, code, run = ended.number, ended.code, running.trial.run
        if code == 0:
            found = summary(run)
            if found.get("complete"):
                return "done", "", result(found)
            if found.get("stopped") == "pruned":
                return "pruned", f"pruned at step {found.get('step')}", result(found)
            return "failed", "it ended without a result", {}
        if code is not None and code > 0 and code not in (START_AGAIN, *KILLS):
            return "failed", ended.message or f"exit code {code}", {}
        if self.asked() and code == START_AGAIN:
            return "waiting", "", {}
        if ended.step is not None:
            self._elsewhere[number] = ended.step
        step = saved_step(run) if ended.step is None else ended.step
        gained = step > running.saved
        lost = 0 if gained else self._lost.get(number, 0) + 1
        self._lost[number] = lost
        message = ended.message or f"exit code {code}"
        if lost >= self.max_tries:
            return "failed", f"{message}; {lost} tries in a row (launch.max_tries)", {}
        return "waiting", message, {}

    def _listen(self, over: Collection[int]) -> None:
        """Evaluations since the last look, also of those whose try is over by now."""
        for number, running in self._running.items():
            for step, metrics in running.tail.evaluations():
                self.observer.evaluated(number, step, metrics)
                prune = self.source.report(number, step, metrics)
                if prune and not running.pruned and number not in over:
                    running.pruned = True
                    ask_to_prune(running.trial.run)

    def _stop_if_asked(self) -> None:
        asked = min(self.asked(), 2)
        if asked > self._told_to_stop:
            self._told_to_stop = asked
            self.place.stop(at_once=asked > 1)

    def _put(self, number: int, **fields: Any) -> Row:
        row = self.table.change(number, **fields)
        self.observer.row(row)
        return row


def ask_to_prune(run: Path) -> None:
    """Asks a run to save and end after its next evaluation, or this one."""
    with contextlib.suppress(OSError):
        path = run / STOP_REQUEST
        path.write_text(json.dumps({"reason": "pruned", "asked": time.time()}) + "\n")
