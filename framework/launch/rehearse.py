"""What `launch.dry_run=true` does: a sweep is checked and written down, nothing is submitted."""

from collections.abc import Mapping
from typing import Any

from framework.config.problem import InvalidConfig, Problem
from framework.launch.check import check, sample
from framework.launch.grid import combinations, numbered
from framework.launch.places import open_place
from framework.launch.request import Request
from framework.launch.sweep import Sweep


def rehearse(request: Request) -> int:
    """Has the place write down what it would do for every trial of a grid, or for the first one of
    a study, whose others depend on results; returns the exit code.

    Raises:
        InvalidConfig: what is wrong with the sweep, or the place only runs trials.
    """
    if request.launcher in ("local", "slurm"):
        expected = "false with this launcher"
        hint = "hydra/launcher=gke and tpu_vm write down what they would submit"
        raise InvalidConfig(Problem("launch.dry_run", True, expected, hint))
    sweep = Sweep(request.directory)
    with open_place(request) as opened:
        check(request, sweep, opened)
        trials = [sweep.trial(request.fixed, n, v) for n, v in points(request, sweep).items()]
        opened.place.start(trials)
    return 0


def points(request: Request, sweep: Sweep) -> Mapping[int, Mapping[str, Any]]:
    """The values of the trials, by number."""
    if request.sweeper != "grid":
        return {0: sample(request)[0]}
    known = {row.number: row.values for row in sweep.table()}
    return dict(sorted(numbered(combinations(request.space), known).items()))
