"""Where the trials of a request run, by the name of its launcher."""

import contextlib
import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from framework.config.problem import InvalidConfig, Problem, nearest
from framework.launch.devices import here, shares
from framework.launch.packing import packing
from framework.launch.place import Place
from framework.launch.pool import Pool
from framework.launch.process import end_early, new_process
from framework.launch.request import Request
from framework.launch.together import together

# Other places than this machine, imported when they are asked for: a function `make_place` of a
# Request that gives a Place. It raises InvalidConfig for what is wrong.
OTHERS = {
    "slurm": "framework.launch.slurm",
    "gke": "framework.launch.gke",
    "tpu_vm": "framework.launch.tpu_vm",
}
LOCAL = ("workers", "packed", "max_tries", "retry_failed")  # what is set of this machine


@dataclass(frozen=True)
class Opened:
    """A place, and a process that checks a sweep before it starts.

    Attributes:
        ask: that process a question, and its answer; it raises EOFError where it was killed.
        local: trials run in this process and its like, with the devices that it finds.
        unpack: from now on each trial has its own program.
    """

    place: Place
    ask: Callable[[Mapping[str, Any]], dict[str, Any]]
    local: bool
    unpack: Callable[[], None] = lambda: None


@contextlib.contextmanager
def open_place(request: Request) -> Iterator[Opened]:
    """While inside, trials can be run.

    Raises:
        InvalidConfig: there is no such place, or its settings are wrong.
    """
    try:
        if request.launcher == "local":
            found = here()
            packed, workers, _, _ = together(
                lambda: packing(request.launch.get("packed", "auto"), found),
                lambda: _workers(request),
                lambda: request.max_tries,
                lambda: _known(request.launch),
            )
            if workers == "auto" and packed.rows > 1:
                workers = 1  # whose program divides its rows among the devices
            pool = Pool(shares(found, workers), packed)
            try:
                yield Opened(pool, pool.ask, local=True, unpack=pool.unpack)
            finally:
                pool.close()
            return
        if request.launcher not in OTHERS:
            hint = f"{nearest(request.launcher, ['local', *OTHERS])}; others of Hydra's go with "
            hint += "hydra/sweeper=basic"
            expected = "a launcher that goes with this sweeper"
            raise InvalidConfig(Problem("hydra/launcher", request.launcher, expected, hint))
        make: Callable[[Request], Place]
        make = importlib.import_module(OTHERS[request.launcher]).make_place
        yield Opened(make(request), _ask_without_devices, local=False)
    finally:
        end_early()


def _ask_without_devices(message: Mapping[str, Any]) -> dict[str, Any]:
    process = new_process()
    try:
        process.send({"devices": {"environment": {"JAX_PLATFORMS": "cpu"}, "cores": []}})
        return process.ask(message)
    finally:
        process.kill()


def _known(settings: Mapping[str, Any]) -> None:
    unknown = [name for name in settings if name not in LOCAL]
    if unknown:
        expected = "a setting of hydra/launcher=local"
        raise InvalidConfig(
            *(Problem(f"launch.{n}", settings[n], expected, nearest(n, LOCAL)) for n in unknown)
        )


def _workers(request: Request) -> int | Literal["auto"]:
    workers: Any = request.launch.get("workers", "auto")
    if workers == "auto":
        return "auto"
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise InvalidConfig(Problem("launch.workers", workers, "a number of workers, or auto"))
    return workers
