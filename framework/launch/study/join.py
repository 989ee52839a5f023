"""A driver joins a study: its own of before, one that others share, or a new one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna

from framework.launch.objective import Objective
from framework.launch.space import Space
from framework.launch.study import claims
from framework.launch.study.leases import Leases, named, show_life
from framework.launch.study.opening import open_study
from framework.launch.study.options import Evaluations, StudyOptions
from framework.launch.study.resume import resume
from framework.launch.study.samplers import make_pruner
from framework.launch.study.storage import address, reached
from framework.launch.study.study import Searched, Study
from framework.launch.table import Row

MARKS = 4  # of life within a lease


@dataclass(frozen=True)
class Joined:
    """A driver's part of a study.

    Attributes:
        lost: trials that were left in the table, and that another driver has taken since.
        leave: ends the signs of life, as the end of the process does.
    """

    study: Study
    lost: tuple[int, ...]
    leave: Callable[[], None]


def join(
    options: StudyOptions,
    space: Space,
    sweep_dir: Path,
    objectives: Sequence[Objective],
    evaluations: Evaluations,
    rows: Sequence[Row] = (),
) -> Joined:
    """The study of a sweep, new or where it was left.

    Args:
        sweep_dir: of the sweep, whose lock the caller holds.
        objectives: one, or two that pull apart.
        rows: of the sweep's table. Those that have not ended are the caller's to start again,
            except for `lost`; those that have, the caller tells.

    Raises:
        InvalidConfig: the storage cannot be reached, or holds a study of something else.
    """
    place = address(options, sweep_dir)
    study = open_study(options, space, objectives, sweep_dir)
    study.pruner = make_pruner(options.pruner, evaluations)
    shared = options.storage is not None
    with named(sweep_dir) as driver, reached(place):
        searched = Searched(
            options=options,
            space=space,
            objectives=tuple(objectives),
            place=place,
            driver=driver,
            runs=sweep_dir / "trials",
            leases=Leases(options.lease) if shared else None,
        )
        leave = show_life(study, driver, options.lease / MARKS) if shared else _nothing
        mine = resume(study, searched, rows)
        open_rows = [r.number for r in rows if not r.ended and r.number not in mine]
        lost = _lost(study, searched, open_rows)
    return Joined(Study(study, searched, mine, [row.number for row in rows]), lost, leave)


def _lost(study: optuna.Study, searched: Searched, numbers: Sequence[int]) -> tuple[int, ...]:
    """Those that another driver has, or that are queued for others.

    A trial that this driver ended itself, and is to try again, is its own still.
    """
    if searched.leases is None:
        return ()
    standing = claims.latest(study.get_trials(deepcopy=False))
    return tuple(
        number for number in numbers
        if number in standing and not claims.ended_by(standing[number], searched.driver)
    )  # fmt: skip


def _nothing() -> None:
    """A study of one driver needs no signs of life."""
