"""What matters most is named first, for studies and grids."""

import math
import random

import pytest

from framework.launch.space import Choice, Interval, Space
from framework.launch.study.importance import Method, importances

SPACE: Space = {
    "rate": Interval(1e-4, 1e-1, log=True),
    "width": Choice((16, 32, [8, 8])),
    "seed": Interval(0, 9, integer=True),
}


def trials(count: int, loss) -> list:
    draw = random.Random(0)
    found = []
    for _ in range(count):
        values = {
            "rate": 10 ** draw.uniform(-4, -1),
            "width": draw.choice(SPACE["width"].values),
            "seed": draw.randrange(10),
        }
        found.append((values, loss(values)))
    return found


@pytest.mark.parametrize("method", ["fanova", "ped_anova"])
def test_the_key_that_matters_comes_first(method: Method) -> None:
    known = trials(60, lambda values: (math.log10(values["rate"]) + 2.5) ** 2)
    found = importances(SPACE, known, maximize=False, method=method)
    assert next(iter(found)) == "rate"
    assert found["rate"] > 0.6
    assert sum(found.values()) == pytest.approx(1.0)


def test_of_a_grid() -> None:
    space: Space = {"rate": Choice((1e-3, 1e-2, 1e-1)), "seed": Choice((0, 1, 2))}
    known = [
        ({"rate": rate, "seed": seed}, rate + 0.001 * seed)
        for rate in (1e-3, 1e-2, 1e-1)
        for seed in (0, 1, 2)
    ]
    assert importances(space, known, maximize=False)["rate"] > 0.9


def test_too_few_or_equal_or_not_finite_results_say_nothing() -> None:
    assert importances(SPACE, trials(3, lambda values: values["rate"]), maximize=True) == {}
    assert importances(SPACE, trials(9, lambda values: 1.0), maximize=True) == {}
    assert importances(SPACE, trials(9, lambda values: math.nan), maximize=True) == {}


def test_trials_of_an_interval_that_was_wider() -> None:
    narrow = {**SPACE, "rate": Interval(1e-3, 1e-2, log=True)}
    known = trials(30, lambda values: values["rate"])
    assert next(iter(importances(narrow, known, maximize=False))) == "rate"
