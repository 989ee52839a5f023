"""The choice of steps per call, on a clock that the test moves."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.train import steps_per_call
from framework.train.steps_per_call import LARGEST, SLOW_STEP, candidate, measure
from tests.train.fake_loop import World

DISPATCH, WORK = 0.0002, 0.0005


def gains(size: int) -> float:
    """A tiny dense step: the dispatch is paid once a call."""
    return DISPATCH + size * WORK


def loses(size: int) -> float:
    """A convolution on a CPU: inside a scan it takes five times as long."""
    return DISPATCH + size * (WORK if size == 1 else 5 * WORK)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[World, int, int]]:
    """Measures in a world; gives it, the step reached and the choice."""

    def go(
        seconds: Callable[[int], float], *, start: int = 0, until: int = 10_000, size: int = 20,
        opening: float = 0.0,
    ) -> tuple[World, int, int]:  # fmt: skip
        world = World(seconds, opening)
        monkeypatch.setattr(steps_per_call.time, "perf_counter", lambda: world.clock)
        state, step, chosen = measure(world.loop(), start, start, until, size)  # type: ignore[arg-type]
        monkeypatch.undo()
        assert state == step  # every step was made once
        return world, step, chosen

    return go


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=5))
def test_the_candidate_divides_every_interval(intervals: list[int]) -> None:
    size = candidate(intervals)
    assert 1 <= size <= LARGEST
    assert all(interval % size == 0 for interval in intervals)
    larger = range(size + 1, LARGEST + 1)
    assert not any(math.gcd(*intervals) % other == 0 for other in larger)


def test_a_scan_that_gains_is_taken(run: Callable[..., tuple[World, int, int]]) -> None:
    assert run(gains)[2] == 20


def test_a_scan_that_loses_is_not(run: Callable[..., tuple[World, int, int]]) -> None:
    assert run(loses)[2] == 1


def test_the_time_of_opening_the_reader_does_not_count(
    run: Callable[..., tuple[World, int, int]],
) -> None:
    assert run(gains, opening=0.5)[2] == 20


def test_one_disturbed_round_changes_nothing(run: Callable[..., tuple[World, int, int]]) -> None:
    calls = 0

    def disturbed(size: int) -> float:
        nonlocal calls
        calls += size > 1
        return gains(size) + (1.0 if size > 1 and calls == 3 else 0.0)

    assert run(disturbed)[2] == 20


def test_a_busy_machine_makes_no_slow_step(run: Callable[..., tuple[World, int, int]]) -> None:
    calls = 0

    def disturbed(size: int) -> float:
        nonlocal calls
        calls += 1
        return gains(size) + (10 * SLOW_STEP if calls < 20 and calls % 3 else 0.0)

    assert run(disturbed)[2] == 20


def test_a_slow_step_does_not_pay_for_compiling_a_scan(
    run: Callable[..., tuple[World, int, int]],
) -> None:
    world, _, chosen = run(lambda size: 1.5 * SLOW_STEP * size)
    assert chosen == 1
    assert set(world.compiled) == {1}


@pytest.mark.parametrize(("start", "until", "size"), [(0, 239, 20), (400, 500, 20), (0, 9999, 5)])
def test_short_runs_and_small_sizes_are_not_measured(
    run: Callable[..., tuple[World, int, int]], start: int, until: int, size: int
) -> None:
    world, step, chosen = run(gains, start=start, until=until, size=size)
    assert (step, chosen, world.fed) == (start, 1, [])


@given(
    st.integers(0, 300), st.integers(6, 32), st.integers(12, 50), st.sampled_from([gains, loses])
)
def test_it_ends_on_a_multiple_within_the_steps_left(
    start: int, size: int, sizes: int, seconds: Callable[[int], float]
) -> None:
    world = World(seconds)
    until = start + sizes * size
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps_per_call.time, "perf_counter", lambda: world.clock)
        _, step, _ = measure(world.loop(), start, start, until, size)  # type: ignore[arg-type]
    assert step % size == 0
    assert start < step <= min(until, start + 30 * size)
    scans = [result for result, many in world.fed if many > 1]
    assert all(first % size == 0 for first in scans)
