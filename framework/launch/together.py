"""Checks that do not need each other, whose mistakes are told at once."""

from collections.abc import Callable
from typing import Any

from framework.config.problem import InvalidConfig, Problem


def together(*checks: Callable[[], Any]) -> tuple[Any, ...]:
    """What each check gives, in their order.

    Raises:
        InvalidConfig: what any of them objected to.
    """
    found: list[Any] = []
    problems: list[Problem] = []
    for check in checks:
        try:
            found.append(check())
        except InvalidConfig as error:
            problems += error.problems
    if problems:
        raise InvalidConfig(*problems)
    return tuple(found)
