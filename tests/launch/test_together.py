"""Mistakes of several checks are lines of one refusal."""

import pytest

from framework.config import InvalidConfig, Problem
from framework.launch.together import together


def refuse(*keys: str) -> None:
    raise InvalidConfig(*(Problem(key, 0, "another") for key in keys))


def test_what_each_gives() -> None:
    assert together(lambda: 1, lambda: None, lambda: "two") == (1, None, "two")


def test_all_that_is_wrong() -> None:
    with pytest.raises(InvalidConfig) as raised:
        together(lambda: refuse("a", "b"), lambda: 1, lambda: refuse("c"))
    assert [one.key for one in raised.value.problems] == ["a", "b", "c"]
