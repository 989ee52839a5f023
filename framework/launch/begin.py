"""A sweep from start to end: what `experiments.run --multirun` does."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.config.problem import InvalidConfig, Problem
from framework.launch import confirm
from framework.launch.check import check
from framework.launch.conclude import conclude
from framework.launch.driver import Driver, Observer
from framework.launch.live import drawn, of_confirmations, screen
from framework.launch.objective import Objective, best, objectives
from framework.launch.places import Opened, open_place
from framework.launch.report import say_page
from framework.launch.request import Request
from framework.launch.signals import asked_to_stop
from framework.launch.source import SourceLost
from framework.launch.sources import open_source
from framework.launch.sweep import Sweep, record_of
from framework.launch.table import Row, Table
from framework.launch.together import together


def begin(request: Request, observer: Observer | None = None) -> int:
    """Runs or continues the sweep; returns the exit code: 0 all well, 1 some failed, 75 go on.

    Raises:
        InvalidConfig: what is wrong with it; nothing was started then.
    """
    _refuse_what_trials_have(request)
    sweep = Sweep(request.directory)
    new = [path for path in (sweep.path, *sweep.path.parents) if not path.exists()]
    try:
        with sweep.held(), open_place(request) as opened:
            under_way = _prepared(request, sweep, opened, observer)
            new = []
            return under_way.finish()
    except InvalidConfig:
        _tidy(new)
        raise


@dataclass
class _UnderWay:
    """A sweep that was checked."""

    request: Request
    sweep: Sweep
    opened: Opened
    wanted: tuple[Objective, ...]
    driver: Callable[[Callable[[], int]], Driver]
    table: Table
    observer: Observer
    max_tries: int
    confirmations: int

    def finish(self) -> int:
        """Runs it to its end; returns the exit code."""
        print(f"Sweep     {self.sweep.path}", flush=True)
        with asked_to_stop() as asked:
            found, confirmed = self._drive(asked), False
            rows = list(self.table)
            chosen = best(rows, self.wanted)
            if self.confirmations and chosen and found and all(row.ended for row in rows):
                rows += self._confirm(chosen, asked)
                confirmed = True
        stopped = bool(asked()) or not found
        code = conclude(self.request, self.sweep, rows, self.wanted, stopped=stopped)
        if confirmed:
            confirm.say(confirm.read_records(self.sweep))
        say_page(self.request, wait=not asked())
        return code

    def _drive(self, asked: Callable[[], int]) -> bool:
        """Whether all that is proposed has been brought to its end."""
        with drawn(self.observer):
            try:
                self.driver(asked).run()
                return not asked()
            except SourceLost as error:
                lost = error
        print(f"{lost}; start the same command again when it answers", file=sys.stderr)
        return False

    def _confirm(self, chosen: Sequence[Row], asked: Callable[[], int]) -> list[Row]:
        """The rows of confirmations: they are part of the outcome too."""
        if len(chosen) > 1:
            runs = len(chosen) * self.confirmations
            print(f"Confirm   {len(chosen)} trials of the front, {runs} runs", flush=True)
        self.opened.unpack()
        observer = of_confirmations(self.observer)
        with drawn(observer):
            return confirm.confirm(
                self.request, self.sweep, chosen, self.wanted, self.confirmations,
                self.opened.place, observer, self.max_tries, asked,
            )  # fmt: skip


def _prepared(
    request: Request, sweep: Sweep, opened: Opened, observer: Observer | None
) -> _UnderWay:
    max_tries, confirmations, retry_failed, _ = together(
        lambda: request.max_tries,
        lambda: request.confirmations,
        lambda: request.retry_failed,
        lambda: request.dry_run,
    )
    table = sweep.table()
    before = sweep.record()
    if before is not None:  # what is of another sweep is told before anything else
        sweep.check(record_of(request))
    source = open_source(request, table)
    metrics = check(request, sweep, opened)
    wanted = objectives(request, metrics)
    if retry_failed:  # before a study says which of them others have
        for row in [row for row in table if row.state == "failed"]:
            table.change(row.number, state="waiting")
    source.prepare(table)
    sweep.begin({**record_of(request), "metrics": list(metrics)})
    watching = observer or screen(request, wanted, table)

    def driver(asked: Callable[[], int]) -> Driver:
        return Driver(
            table, source.source, opened.place,
            lambda number, values: sweep.trial(request.fixed, number, values),
            watching, max_tries, asked,
        )  # fmt: skip

    return _UnderWay(
        request, sweep, opened, wanted, driver, table, watching, max_tries, confirmations
    )


def _refuse_what_trials_have(request: Request) -> None:
    """Words in whose place each trial has its own."""
    fixed = (word.lstrip("+").partition("=") for word in request.fixed)
    given = {key: value for key, _, value in fixed}
    given |= {one.key.lstrip("+"): one.written for one in request.space}
    problems = []
    if "run.dir" in given:
        hint = "give the sweep a directory: hydra.sweep.dir=…"
        problems.append(Problem("run.dir", "…", "nothing in a sweep", hint))
    final = given.get("evaluation.final", "[validation]")
    if final != "[validation]":
        expected = "[validation] in a sweep, by which trials are chosen"
        hint = "the test split is for the best: sweep.confirm=5, or python -m experiments.evaluate"
        problems.append(Problem("evaluation.final", final, expected, hint))
    if problems:
        raise InvalidConfig(*problems)


def _tidy(new: Sequence[Path]) -> None:
    """Takes away the folders that were made for a sweep that could not start."""
    with contextlib.suppress(OSError):
        for folder in new:
            folder.rmdir()
