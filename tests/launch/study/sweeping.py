"""Drives a study without training anything."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from framework.launch.objective import Objective
from framework.launch.space import Choice, Interval, Space
from framework.launch.study.join import Joined, join
from framework.launch.study.options import Evaluations, StudyOptions
from framework.launch.study.study import Study
from framework.launch.table import Row

SQUARE: Space = {"x": Interval(-5.0, 5.0), "y": Interval(-5.0, 5.0)}
MIXED: Space = {
    "rate": Interval(1e-5, 1e-1, log=True),
    "depth": Interval(1, 7, integer=True),
    "dropout": Interval(0.0, 0.5, step=0.1),
    "widths": Choice((8, [8, 8], "wide", None, True, 1)),
}
LOSS = (Objective("log_loss", maximize=False),)
EVALUATIONS = Evaluations(every=10, steps=100)


def joined(
    path: Path,
    options: StudyOptions,
    space: Space = SQUARE,
    objectives: Sequence[Objective] = LOSS,
    rows: Sequence[Row] = (),
) -> Joined:
    return join(options, space, path, objectives, EVALUATIONS, rows)


def square(values: Mapping[str, Any]) -> float:
    return (values["x"] - 2.0) ** 2 + (values["y"] + 1.0) ** 2


def sweep(
    study: Study, loss: Callable[[Mapping[str, Any]], float]
) -> list[tuple[int, dict[str, Any], float]]:
    """Every trial at once; number, values and loss of each."""
    found = []
    while (proposed := study.propose()) is not None:
        number, values = proposed
        found.append((number, dict(values), loss(values)))
        study.tell(number, "done", {"validation/log_loss": found[-1][2]})
    return found
