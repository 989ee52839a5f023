"""Evaluating while training, and stopping when it no longer helps."""

import math

from framework.train.listeners.watch import StopEarly, Watch
from framework.train.loop import Loop, Moment
from framework.train.options import EarlyStopping


def loop() -> Loop:
    return Loop(call=lambda size: None, feed=lambda step, size: iter(()))  # type: ignore[arg-type,return-value]


def stopping(metric: str = "accuracy", patience: int = 2, mode: str = "auto") -> StopEarly:
    return StopEarly(loop(), EarlyStopping(metric, patience, mode), "validation")  # type: ignore[arg-type]


def hear(listener: StopEarly, *values: float) -> list[bool]:
    """Whether the loop is to stop after each of the values, which come every ten steps."""
    found = []
    for number, value in enumerate(values, 1):
        listener.on_eval(10 * number, {f"validation/{listener.options.metric}": value})
        found.append(listener.loop.stopped is not None)
    return found


def test_it_stops_after_so_many_evaluations_without_a_better_one() -> None:
    listener = stopping()
    assert hear(listener, 0.1, 0.3, 0.2, 0.4, 0.4, 0.3) == [False] * 5 + [True]
    assert listener.loop.stopped == (
        "accuracy of validation has not improved on 0.4 (step 40) for 2 evaluations"
    )


def test_less_is_better_for_a_loss_unless_it_is_said_otherwise() -> None:
    assert hear(stopping("log_loss", 1), 3.0, 2.0, 2.5) == [False, False, True]
    assert hear(stopping("log_loss", 1, "max"), 3.0, 2.0) == [False, True]


def test_a_nan_is_no_improvement_and_hides_none() -> None:
    assert hear(stopping(), math.nan, 0.1, math.nan, 0.2, math.nan, math.nan) == (
        [False] * 5 + [True]
    )


def test_a_continued_run_goes_on_counting() -> None:
    first = stopping(patience=3)
    hear(first, 0.5, 0.4, 0.4)
    second = stopping(patience=3)
    second.recall(first.remember())
    assert hear(second, 0.45) == [True]
    assert "improved on 0.5 (step 10) for 3 evaluations" in (second.loop.stopped or "")


def test_a_run_that_had_stopped_stops_again_at_once() -> None:
    first = stopping(patience=1)
    hear(first, 0.5, 0.4)
    second = stopping(patience=1)
    second.recall(first.remember())
    assert second.loop.stopped == first.loop.stopped


def test_it_evaluates_at_the_interval_and_names_the_split() -> None:
    heard = []

    class Ear:
        def on_eval(self, step: int, metrics: dict[str, float]) -> None:
            heard.append((step, metrics))

    own = loop()
    own.listeners = [Ear()]
    watch = Watch(own, 10, "validation", lambda state: {"accuracy": 0.5})
    for step in (4, 8, 12, 16, 20):
        watch.on_step(Moment(step, 4, None, {}, 0.0))  # type: ignore[arg-type]
    assert heard == [(12, {"validation/accuracy": 0.5}), (20, {"validation/accuracy": 0.5})]
    Watch(own, None, "validation", lambda state: {}).on_step(Moment(20, 4, None, {}, 0.0))  # type: ignore[arg-type]
    assert len(heard) == 2
