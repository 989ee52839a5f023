"""Points of a grid, and the numbers that they keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.config.swept import Dimension
from framework.launch.grid import Grid, combinations, numbered, same

Values = st.lists(st.sampled_from([1, 2, 3, "a", 0.5, None, True]), min_size=1, max_size=4)


def space(**values: list[object]) -> list[Dimension]:
    return [Dimension(key, "list", tuple(several)) for key, several in values.items()]


def test_the_last_key_varies_fastest() -> None:
    assert combinations(space(a=[1, 2], b=["x", "y"])) == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"},
    ]  # fmt: skip


def test_without_a_space_there_is_one_point() -> None:
    assert combinations([]) == [{}]


def test_a_value_that_is_listed_twice_is_one_point() -> None:
    assert combinations(space(a=[1, 1, 2])) == [{"a": 1}, {"a": 2}]


@given(first=Values, more=Values, other=Values)
def test_points_keep_their_numbers_when_the_space_grows(
    first: list[object], more: list[object], other: list[object]
) -> None:
    before = numbered(combinations(space(a=first, b=other)), {})
    after = numbered(combinations(space(a=[*more, *first], b=other)), before)
    assert sorted(before) == list(range(len(before)))
    assert all(same(after[number]) == same(values) for number, values in before.items())
    assert sorted(after) == list(range(len(after)))


def test_numbers_are_the_same_by_value_and_true_is_none() -> None:
    before = numbered(combinations(space(a=[0, [1], True])), {})
    after = numbered(combinations(space(a=[2, 0.0, [1.0], True, 1])), before)
    assert {number: values["a"] for number, values in after.items() if number < 3} == {
        0: 0.0, 1: [1.0], 2: True,
    }  # fmt: skip
    assert len(after) == 5
    assert combinations(space(a=[1, 1.0, True])) == [{"a": 1}, {"a": True}]


def test_a_grid_proposes_what_is_not_given_yet_and_ends() -> None:
    grid = Grid({0: {"a": 1}, 1: {"a": 2}, 2: {"a": 3}}, given=[1])
    assert not grid.finished()
    assert [grid.propose(), grid.propose(), grid.propose()] == [
        (0, {"a": 1}), (2, {"a": 3}), None,
    ]  # fmt: skip
    assert grid.finished()


def test_an_interval_has_no_end_of_points() -> None:
    with pytest.raises(InvalidConfig, match="list values, or choose hydra/sweeper=optuna"):
        combinations([Dimension("a", "interval", (), 0.0, 0.5)])
    with pytest.raises(InvalidConfig, match=r"list values, as a=range\(0,10\) does, or"):
        combinations([Dimension("a", "interval", (), 0.0, 9.0)])
