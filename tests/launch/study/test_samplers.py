"""Each sampler searches; the same seed proposes the same, also over several starts."""

from pathlib import Path

import pytest

from framework.launch.objective import Objective
from framework.launch.space import Interval
from framework.launch.study.options import (
    CMAES,
    NSGAII,
    QMC,
    TPE,
    Random,
    Sampler,
    StudyOptions,
)
from tests.launch.study.sweeping import LOSS, MIXED, SQUARE, joined, square, sweep

TRIALS = 30
SAMPLERS = [Random(), TPE(startup=8), QMC(), CMAES(), NSGAII(population=8)]


def options(sampler: Sampler, n_trials: int = TRIALS, seed: int = 0) -> StudyOptions:
    return StudyOptions(n_trials=n_trials, sampler=sampler, seed=seed)


@pytest.mark.parametrize("sampler", [TPE(startup=8), CMAES(population=5)], ids=str)
def test_what_learns_comes_nearer_than_chance(tmp_path: Path, sampler: Sampler) -> None:
    learnt = sweep(joined(tmp_path / "a", options(sampler)).study, square)
    chance = sweep(joined(tmp_path / "b", options(Random())).study, square)
    last = slice(TRIALS // 2, None)

    def mean(trials: list) -> float:
        return sum(loss for _, _, loss in trials[last]) / len(trials[last])

    assert mean(learnt) < 0.5 * mean(chance)


def test_a_sobol_sequence_leaves_no_quarter_empty(tmp_path: Path) -> None:
    found = sweep(joined(tmp_path, options(QMC(), n_trials=17)).study, square)
    quarters = [(values["x"] > 0, values["y"] > 0) for _, values, _ in found[1:]]
    assert {quarters.count(quarter) for quarter in set(quarters)} == {4}


def test_two_metrics_that_pull_apart(tmp_path: Path) -> None:
    objectives = (*LOSS, Objective("accuracy", maximize=True))
    study = joined(tmp_path, options(NSGAII(population=8)), objectives=objectives).study
    while (proposed := study.propose()) is not None:
        number, values = proposed
        loss = values["x"] ** 2
        result = {"validation/log_loss": loss, "validation/accuracy": -((values["x"] - 2) ** 2)}
        study.tell(number, "done", result)
    front = [trial.params["x"] for trial in study.study.best_trials]
    assert len(front) > 1
    assert all(-0.7 < x < 2.7 for x in front)


@pytest.mark.parametrize("sampler", SAMPLERS[:-1], ids=str)
def test_the_same_seed_proposes_the_same(tmp_path: Path, sampler: Sampler) -> None:
    def search(name: str, seed: int) -> list:
        return sweep(joined(tmp_path / name, options(sampler, 12, seed), MIXED).study, _loss)

    once = search("a", 0)
    assert search("b", 0) == once
    assert search("c", 1) != once
    assert len({str(values) for _, values, _ in once}) > 8


@pytest.mark.parametrize("sampler", SAMPLERS[:-1], ids=str)
def test_a_driver_that_starts_again_goes_on_in_the_same_way(
    tmp_path: Path, sampler: Sampler
) -> None:
    whole = sweep(joined(tmp_path / "a", options(sampler, 12), MIXED).study, _loss)
    parts = []
    for until in (1, 5, 12):
        parts += sweep(joined(tmp_path / "b", options(sampler, until), MIXED).study, _loss)
    assert parts == whole


@pytest.mark.parametrize(
    ("sampler", "said"),
    [
        (CMAES(), "x: of an interval that has grown this sampler draws at random"),
        (NSGAII(), "x: of an interval that has grown this sampler draws at random"),
        (TPE(), "x: of an interval that has grown this sampler learns by itself"),
        (QMC(), "x: of an interval that has grown this sampler draws within the old ends"),
        (TPE(multivariate=False), ""),
        (Random(), ""),
    ],
)
def test_what_a_sampler_loses_when_an_interval_grows_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, sampler: Sampler, said: str
) -> None:
    sweep(joined(tmp_path, StudyOptions(n_trials=2, sampler=sampler)).study, square)
    more = StudyOptions(n_trials=4, sampler=sampler)
    for _ in range(2):
        joined(tmp_path, more, {**SQUARE, "x": Interval(-5.0, 9.0)})
    told = [one.getMessage() for one in caplog.records if "has grown" in one.getMessage()]
    assert len(told) == bool(said)
    assert all(said in line for line in told)


def test_values_are_of_the_types_that_were_written(tmp_path: Path) -> None:
    found = sweep(joined(tmp_path, options(Random(), 40), MIXED).study, _loss)
    widths = {str(values["widths"]) for _, values, _ in found}
    assert widths == {"8", "[8, 8]", "wide", "None", "True", "1"}
    for _, values, _ in found:
        assert isinstance(values["depth"], int)
        assert 1 <= values["depth"] <= 7
        assert 1e-5 <= values["rate"] <= 1e-1
        assert round(values["dropout"] * 10, 6) in range(6)
    assert sum(values["rate"] < 1e-3 for _, values, _ in found) > 10


def _loss(values: dict) -> float:
    return values["depth"] + values["dropout"] + values["rate"]
