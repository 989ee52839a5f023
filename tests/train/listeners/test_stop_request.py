"""A run that somebody else asks to end does so after its next evaluation."""

from pathlib import Path

import pytest

from framework.train.listeners.stop_request import StopOnRequest
from framework.train.loop import Loop


@pytest.fixture
def loop() -> Loop:
    return Loop(call=lambda size: None, feed=lambda step, size: iter(()))  # type: ignore[arg-type, return-value]


def test_without_a_request_the_run_goes_on(loop: Loop, tmp_path: Path) -> None:
    StopOnRequest(loop, tmp_path, 100).on_eval(10, {})
    assert loop.stopped is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"reason": "pruned"}', "pruned"),
        ("{}", "asked"),
        ("[1]", "asked"),
        ('{"reas', "asked"),
    ],
)
def test_a_request_sets_it_aside(loop: Loop, tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "stop_request.json").write_text(text)
    StopOnRequest(loop, tmp_path, 100).on_eval(10, {})
    assert (loop.stopped, loop.then) == (reason, "set_aside")


def test_who_asked_before_decides(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "stop_request.json").write_text('{"reason": "pruned"}')
    loop.stop("interrupted by SIGTERM", "start_again")
    StopOnRequest(loop, tmp_path, 100).on_eval(10, {})
    assert loop.then == "start_again"


def test_at_the_last_step_nothing_is_saved_by_it(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "stop_request.json").write_text('{"reason": "pruned"}')
    StopOnRequest(loop, tmp_path, 100).on_eval(100, {})
    assert (loop.stopped, loop.then) == (None, "conclude")
