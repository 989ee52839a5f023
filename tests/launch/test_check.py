"""Which values of a space are tried before a sweep begins."""

from pathlib import Path
from typing import Any

from framework.config.swept import Dimension
from framework.launch.check import MOST, MOST_LISTED, sample
from framework.launch.request import Request


def tried(*space: Dimension) -> dict[str, list[Any]]:
    """The values of each key, in the order in which they are tried."""
    points = sample(Request("digits", Path("/sweep"), (), space))
    return {one.key: list(dict.fromkeys(point[one.key] for point in points)) for one in space}


def listed(key: str, count: int) -> Dimension:
    return Dimension(key, "list", tuple(range(count)))


def numbers(key: str, count: int) -> Dimension:
    return Dimension(key, "range", tuple(range(count)), 0, count, 1)


def test_every_value_of_several_lists_is_tried() -> None:
    found = tried(listed("a", 40), listed("b", 30), listed("c", 3))
    assert {key: len(values) for key, values in found.items()} == {"a": 40, "b": 30, "c": 3}


def test_of_very_long_lists_so_many_are_tried() -> None:
    found = tried(listed("a", 1000), listed("b", 3))
    assert (len(found["a"]), len(found["b"])) == (MOST_LISTED // 2, 3)
    assert found["a"][0] == 0
    assert found["a"][-1] == 999


def test_of_ranges_and_intervals_the_ends_and_some_between() -> None:
    interval = Dimension("x", "interval", (), 0.0, 1.0)
    found = tried(numbers("a", 1000), interval, numbers("b", 5))
    assert found["x"] == [0.0, 1.0]
    assert found["b"] == [0, 1, 2, 3, 4]
    assert len(found["a"]) == MOST // 3
    assert {0, 999} < set(found["a"])
    assert any(300 < value < 700 for value in found["a"])
