"""From what was asked for to a study that gives out trials."""

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.config.build import read
from framework.launch.objective import objectives
from framework.launch.request import Request
from framework.launch.source import Source
from framework.launch.space import make_space
from framework.launch.study.checks import study_problems
from framework.launch.study.options import CMAES, Evaluations, StudyOptions
from framework.launch.table import Table

INSTALL = 'pip install "framework[sweep]"'
TAKEN = "another driver of the study took it while this one was away"


def make_source(request: Request, table: Table) -> Callable[[], Source]:
    """What opens the study that was asked for, all but its storage being checked.

    When it is opened, trials that went to other drivers end in the table.

    Raises:
        InvalidConfig: settings that a study does not have or that do not go together, a package
            that is not installed. Opened: a storage that cannot be reached or is of something
            else.
    """
    call, problems = read(request.sweeper_settings, "hydra.sweeper", StudyOptions)
    if problems or call is None:
        raise InvalidConfig(*problems)
    options: StudyOptions = call()
    space, wanted = make_space(request.space), objectives(request, metrics_of(request))
    evaluations = Evaluations(
        every=_largest(request, "evaluation", "every"),
        steps=_largest(request, "trainer", "steps") or 1,
    )
    check_installed(options)
    problems = study_problems(options, space, wanted, evaluations)
    if problems:
        raise InvalidConfig(*problems)

    # Half a second of imports, while the worker that checks the experiment does its own.
    from framework.launch.study.join import join

    def open_it() -> Source:
        joined = join(options, space, request.directory, wanted, evaluations, list(table))
        for number in joined.lost:
            table.change(number, state="failed", message=TAKEN)
        return joined.study

    return open_it


def metrics_of(request: Request) -> list[str]:
    """`sweep.metric`, one or a list, or the one by which the experiment keeps checkpoints."""
    kept = request.settings.get("checkpoint") or {}
    metric = request.sweep.get("metric") or kept.get("metric") or "log_loss"
    return [metric] if isinstance(metric, str) else list(metric)


def _largest(request: Request, group: str, name: str) -> int | None:
    """A setting of the experiment, or the largest value where it is swept."""
    for one in request.space:
        if one.key == f"{group}.{name}":
            return max((v for v in one.values or (one.stop,) if isinstance(v, int)), default=None)
    found: Mapping[str, Any] = request.settings.get(group) or {}
    value = found.get(name)
    return value if isinstance(value, int) else None


def check_installed(options: StudyOptions) -> None:
    """Looks for the packages of the extra `sweep`.

    Raises:
        InvalidConfig: one is not installed; the line says how to.
    """
    packages = ("optuna", "cmaes") if isinstance(options.sampler, CMAES) else ("optuna",)
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        expected = f"{' and '.join(missing)} to be installed"
        raise InvalidConfig(Problem("hydra/sweeper", "optuna", expected, INSTALL))
