"""What counts in a sweep are numbers, what is switched is true or false."""

from pathlib import Path
from typing import Any

import pytest

from framework.config import InvalidConfig
from framework.launch.request import Request


def request(**launch: Any) -> Request:
    return Request("digits", Path("/sweep"), (), (), launch=launch)


def test_without_a_word_there_are_three_tries_and_no_confirmations() -> None:
    assert (request().max_tries, request().confirmations) == (3, 0)


@pytest.mark.parametrize("value", ["x", 0, -1, 1.5, True, None])
def test_tries_that_are_none_are_refused_at_every_place(value: Any) -> None:
    with pytest.raises(InvalidConfig, match=r"launch.max_tries=.*: expected a whole number from 1"):
        _ = request(max_tries=value).max_tries


def test_confirmations_that_are_no_number_are_refused() -> None:
    asked = Request("digits", Path("/sweep"), (), (), sweep={"confirm": "many"})
    with pytest.raises(InvalidConfig, match=r"sweep.confirm=many: expected a whole number from 0"):
        _ = asked.confirmations


@pytest.mark.parametrize("value", ["yes", "no", 1, None])
def test_a_switch_is_true_or_false(value: Any) -> None:
    assert (request().retry_failed, request(dry_run=True).dry_run) == (False, True)
    with pytest.raises(InvalidConfig, match=r"launch.dry_run=.*: expected true or false"):
        _ = request(dry_run=value).dry_run
