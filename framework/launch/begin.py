"""A sweep from start to end: what `experiments.run --multirun` does."""

from collections.abc import Mapping
from typing import Any

from framework.config.problem import InvalidConfig, Problem
from framework.launch.check import check
from framework.launch.conclude import conclude
from framework.launch.driver import Driver, Observer
from framework.launch.lines import Lines
from framework.launch.places import open_place
from framework.launch.request import Request
from framework.launch.signals import asked_to_stop
from framework.launch.sources import open_source
from framework.launch.sweep import Sweep, record_of

SETTINGS = ("metric", "direction", "confirm")


def begin(request: Request, observer: Observer | None = None) -> int:
    """Runs or continues the sweep; returns the exit code: 0 all well, 1 some failed, 75 go on.

    Raises:
        InvalidConfig: what is wrong with it; nothing was started then.
    """
    if any(word.startswith("run.dir=") for word in request.fixed):
        hint = "give the sweep a directory: hydra.sweep.dir=…"
        raise InvalidConfig(Problem("run.dir", "…", "nothing in a sweep", hint))
    sweep = Sweep(request.directory)
    with sweep.held(), open_place(request) as opened:
        table = sweep.table()
        source = open_source(request, table)
        metric = check(request, sweep, opened)
        sweep.begin({**record_of(request), "metric": metric})
        source.prepare(table)
        with asked_to_stop() as asked:
            driver = Driver(
                table, source.source, opened.place,
                lambda number, values: sweep.trial(request.fixed, number, values),
                observer or Lines(metric), _max_tries(request.launch), asked,
            )  # fmt: skip
            driver.run()
        return conclude(request, sweep, table, metric, stopped=bool(asked()))


def _max_tries(launch: Mapping[str, Any]) -> int:
    tries = launch.get("max_tries", 3)
    if not isinstance(tries, int) or tries < 1:
        raise InvalidConfig(Problem("launch.max_tries", tries, "a number of tries, from 1"))
    return tries
