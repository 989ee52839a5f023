"""Pruners end trials that fall behind, by the trials' own evaluations."""

import statistics
from pathlib import Path

import pytest

from framework.launch.space import Interval
from framework.launch.study.options import (
    Hyperband,
    Median,
    Pruner,
    Random,
    StudyOptions,
    SuccessiveHalving,
    Wilcoxon,
)
from tests.launch.study.sweeping import joined

SPACE = {"level": Interval(0.0, 10.0)}
STEPS = range(10, 101, 10)


def trained(pruner: Pruner | None, path: Path, n_trials: int = 30) -> dict[str, list[float]]:
    """Levels of trials, each a curve that falls towards its level."""
    options = StudyOptions(n_trials=n_trials, sampler=Random(), pruner=pruner)
    study = joined(path, options, SPACE).study
    ended: dict[str, list[float]] = {"done": [], "pruned": []}
    while (proposed := study.propose()) is not None:
        number, values = proposed
        state, loss = "done", 0.0
        for step in STEPS:
            loss = values["level"] + 5.0 / step + 0.01 * (step * 7 % 3)
            if study.report(number, step, {"validation/log_loss": loss}):
                state = "pruned"
                break
        study.tell(number, state, {"validation/log_loss": loss})
        ended[state].append(values["level"])
    return ended


@pytest.mark.parametrize(
    "pruner",
    [SuccessiveHalving(), Hyperband(), Median(), Wilcoxon(startup=4)],
    ids=lambda p: type(p).__name__,
)
def test_the_bad_are_pruned_and_the_best_is_not(tmp_path: Path, pruner: Pruner) -> None:
    ended = trained(pruner, tmp_path)
    assert len(ended["pruned"]) >= 5
    assert min(ended["done"]) < min(ended["pruned"])
    assert statistics.mean(ended["pruned"]) > statistics.mean(ended["done"]) + 1.0


def test_without_a_pruner_none_is(tmp_path: Path) -> None:
    assert not trained(None, tmp_path, 10)["pruned"]


def test_a_decision_that_was_lost_is_made_again(tmp_path: Path) -> None:
    """The driver died between the decision and the request, and reads the evaluations again."""
    options = StudyOptions(n_trials=8, sampler=Random(), pruner=Median(startup=1))
    first = joined(tmp_path, options, SPACE).study
    decided = None
    while decided is None:
        proposed = first.propose()
        assert proposed is not None
        number, values = proposed
        if first.report(number, 10, {"validation/log_loss": values["level"]}):
            decided = number, values
        else:
            first.tell(number, "done", {"validation/log_loss": values["level"]})
    number, values = decided
    again = joined(tmp_path, options, SPACE).study
    assert again.propose() == (number, values)
    assert again.report(number, 10, {"validation/log_loss": values["level"]})
