"""The account of a run that was started several times."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.run import Attempt, goodput, read_attempts, write_attempt


def attempt(number: int, begun: float, from_step: int, reached: int, **seconds: float) -> Attempt:
    return Attempt(number, begun, begun + sum(seconds.values()), from_step, reached, seconds)


def test_an_attempt_is_read_as_it_was_last_written(tmp_path: Path) -> None:
    for step in (10, 20):
        write_attempt(tmp_path, attempt(1, 5.0, 0, step, step=2.0, compile=1.0))
    write_attempt(tmp_path, attempt(2, 50.0, 20, 30, step=4.0))
    assert [(a.number, a.step) for a in read_attempts(tmp_path)] == [(1, 20), (2, 30)]
    assert read_attempts(tmp_path / "nothing") == []


def test_one_attempt_has_lost_nothing() -> None:
    found = goodput([attempt(1, 0.0, 0, 100, start_up=2.0, compile=3.0, step=5.0)])
    assert found.share == pytest.approx(0.5)
    assert (found.seconds["lost"], found.seconds["stopped"], found.attempts) == (0, 0, 1)


def test_steps_that_are_made_again_were_lost() -> None:
    # Killed at 80 with the last checkpoint at 60, from 0: a quarter of its steps.
    found = goodput([
        attempt(1, 0.0, 0, 80, start_up=2.0, step=8.0),
        attempt(2, 15.0, 60, 100, start_up=1.0, step=4.0),
    ])  # fmt: skip
    assert found.seconds["lost"] == pytest.approx(2.0)
    assert found.seconds["step"] == pytest.approx(10.0)
    assert found.seconds["stopped"] == pytest.approx(5.0)
    assert found.share == pytest.approx(10.0 / 20.0)


@given(st.lists(st.tuples(*[st.floats(0, 100)] * 3, st.integers(0, 50), st.integers(0, 50)),
                min_size=1, max_size=6))  # fmt: skip
def test_all_time_is_accounted_for(parts: list[tuple[float, float, float, int, int]]) -> None:
    attempts, now = [], 0.0
    for number, (pause, start_up, step, from_step, made) in enumerate(parts, 1):
        now += pause if number > 1 else 0.0
        attempts.append(
            attempt(number, now, from_step, from_step + made, start_up=start_up, step=step)
        )
        now = attempts[-1].seen
    found = goodput(attempts)
    assert sum(found.seconds.values()) == pytest.approx(now, abs=1e-6)
    assert 0 <= found.share <= 1 + 1e-9
    assert found.seconds["lost"] >= 0
