"""The loop's events, its bound on the steps in flight, and how it ends."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.train.loop import IN_FLIGHT, Loop, Moment
from tests.train.fake_loop import Ear, World


def moment(step: int, size: int) -> Moment:
    return Moment(step, size, state=None, metrics={}, waited=0.0)  # type: ignore[arg-type]


def test_listeners_hear_every_call_in_their_order() -> None:
    world, first, second = World(), Ear(), Ear()
    order: list[str] = []
    first.on_step = lambda m: order.append(f"first {m.step}")  # type: ignore[method-assign]
    second.on_step = lambda m: order.append(f"second {m.step}")  # type: ignore[method-assign]
    state, step = world.loop(first, object(), second).advance(0, 0, 4, 2)  # type: ignore[arg-type]
    assert order == ["first 2", "second 2", "first 4", "second 4"]
    assert (state, step) == (4, 4)


def test_a_moment_tells_the_state_after_its_steps() -> None:
    world, ear = World(), Ear()
    world.loop(ear).advance(10, 10, 16, 3)  # type: ignore[arg-type]
    assert ear.heard == [("step", 13, 3, 13), ("step", 16, 3, 16)]


def test_events_reach_those_who_listen_for_them() -> None:
    ear = Ear()
    loop = World().loop(object(), ear)
    loop.emit("on_eval", 5, {"validation/accuracy": 0.5})
    loop.emit("on_checkpoint", 5)
    loop.emit("on_end", 6)
    assert ear.heard == [("eval", 5, {"validation/accuracy": 0.5}), ("end", 6)]


@given(st.integers(0, 500), st.integers(1, 40), st.integers(1, 100))
def test_crossing_is_reaching_a_multiple(start: int, size: int, every: int) -> None:
    reached = any(step % every == 0 for step in range(start + 1, start + size + 1))
    assert moment(start + size, size).crosses(every) == reached
    assert not moment(start + size, size).crosses(None)


@given(st.integers(0, 50), st.integers(0, 200), st.integers(1, 40))
def test_calls_fit_before_the_end(start: int, steps: int, size: int) -> None:
    world = World()
    state, step = world.loop().advance(start, start, start + steps, size)  # type: ignore[arg-type]
    assert state == step == start + steps // size * size
    assert len(world.results) == steps // size
    assert world.opened == world.closed == min(steps // size, 1)
    assert len(world.compiled) == world.opened


def test_no_more_steps_than_allowed_are_in_flight() -> None:
    world = World()
    most = 0

    class Count:
        def on_step(self, moment: Any) -> None:
            nonlocal most
            most = max(most, sum(not result.awaited for result in world.results))

    loop = world.loop(Count())
    loop.advance(0, 0, 5 * IN_FLIGHT, 1)  # type: ignore[arg-type]
    assert most == IN_FLIGHT
    loop.drain()
    assert all(result.awaited for result in world.results)


def test_nothing_waits_for_the_newest_steps() -> None:
    world = World()
    world.loop().advance(0, 0, 3 * IN_FLIGHT, 1)  # type: ignore[arg-type]
    assert [r.awaited for r in world.results[-IN_FLIGHT:]] == [False] * IN_FLIGHT


def test_stop_ends_after_the_present_call_and_keeps_the_first_reason() -> None:
    world, ear = World(), Ear()

    class Stop:
        def on_step(self, moment: Any) -> None:
            if moment.step >= 4:
                loop.stop("enough")
                loop.stop("too late")

    loop = world.loop(Stop(), ear)
    assert loop.advance(0, 0, 100, 2) == (4, 4)  # type: ignore[arg-type]
    assert ear.heard[-1] == ("step", 4, 2, 4)  # those behind the one who stops hear it too
    assert loop.stopped == "enough"
    assert loop.advance(4, 4, 100, 2) == (4, 4)  # type: ignore[arg-type]
    assert (world.opened, world.closed) == (1, 1)


def test_a_failing_listener_closes_the_reader() -> None:
    world = World()

    class Fail:
        def on_step(self, moment: Any) -> None:
            raise RuntimeError("ours")

    with pytest.raises(RuntimeError, match="ours"):
        world.loop(Fail()).advance(0, 0, 10, 1)  # type: ignore[arg-type]
    assert (world.opened, world.closed) == (1, 1)


def cut_short(loop: Loop, then: Callable[[], None]) -> Loop:
    """A loop whose data end after three calls, after which `then` is done."""
    whole = loop.feed

    def feed(step: int, size: int) -> Iterator[Any]:
        yield from itertools.islice(whole(step, size), 3)
        then()

    loop.feed = feed  # type: ignore[method-assign]
    return loop


def test_data_whose_end_was_announced_end_the_training_with_its_state() -> None:
    loop = World().loop()
    cut_short(loop, lambda: loop.stop("a worker was lost"))
    assert loop.advance(0, 0, 20, 2) == (6, 6)  # type: ignore[arg-type]


def test_data_that_end_by_themselves_are_no_complete_run() -> None:
    with pytest.raises(RuntimeError, match="ended at step 6, before step 20"):
        cut_short(World().loop(), lambda: None).advance(0, 0, 20, 2)  # type: ignore[arg-type]
