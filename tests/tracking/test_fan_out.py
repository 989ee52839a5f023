import threading
import time
from pathlib import Path

import numpy as np
import pytest

from framework.tracking import fan_out
from framework.tracking.fan_out import Background, FanOut, dotted


class Recorder:
    """A sink that remembers its calls, and raises on request."""

    def __init__(self, error: BaseException | None = None, method: str = "scalars") -> None:
        self.calls: list[tuple] = []
        self.error = error
        self.method = method

    def __getattr__(self, method: str):
        def call(*arguments: object) -> None:
            self.calls.append((method, *arguments))
            if self.error is not None and method == self.method:
                raise self.error

        return call


def opened(*sinks: Recorder, late: bool = False) -> tuple[FanOut, list[str]]:
    said: list[str] = []
    made = [
        Background(f"sink {number}", lambda sink=sink: sink, said.append, late)
        for number, sink in enumerate(sinks)
    ]
    return FanOut(made, said.append), said


def test_every_call_reaches_every_sink_in_order():
    sinks = Recorder(), Recorder()
    tracker, said = opened(*sinks)
    image = np.zeros((2, 2, 3), np.uint8)
    tracker.hyperparameters({"model": {"width": 8}}, {"loss": 1.0})
    tracker.scalars(np.int64(1), {"loss": 0.5})
    tracker.picture(1, "sample", image)
    tracker.table(1, "classes", ["a"], [[1]])
    tracker.text(1, "note", "x")
    tracker.artifact("model", "checkpoint", Path("x"))
    tracker.close(True)
    for sink in sinks:
        calls = [call for call in sink.calls if call[0] not in ("picture", "flush")]
        assert calls == [
            ("hyperparameters", {"model.width": 8}, {"loss": 1.0}),
            ("scalars", 1, {"loss": 0.5}),
            ("table", 1, "classes", ("a",), [(1,)]),
            ("text", 1, "note", "x"),
            ("artifact", "model", "checkpoint", Path("x")),
            ("close", True),
        ]
    assert said == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device", "x"), "No space left on device (x)"),
        (ConnectionError("no route\nto the host"), "no route"),
        (ValueError(), "ValueError"),
        (SystemExit(1), "1"),
    ],
)
def test_a_failing_sink_is_reported_once_and_dropped(error, reason):
    bad, good = Recorder(error), Recorder()
    tracker, said = opened(bad, good)
    for step in range(100):
        tracker.scalars(step, {"loss": 1.0})
    tracker.close(True)
    assert said == [f"sink 0 stopped recording: {reason}; the training goes on"]
    assert [call[0] for call in bad.calls] == ["scalars", "close"]
    assert sum(call[0] == "scalars" for call in good.calls) == 100


def test_a_sink_that_cannot_be_opened_is_dropped():
    def refuse() -> Recorder:
        raise PermissionError(13, "Permission denied", "events")

    said: list[str] = []
    tracker = FanOut([Background("events", refuse, said.append)], said.append)
    tracker.scalars(1, {"loss": 1.0})
    tracker.close(True)
    assert said == ["events stopped recording: Permission denied (events); the training goes on"]


def test_a_sink_that_fails_to_close_is_reported():
    tracker, said = opened(Recorder(OSError(28, "No space left on device"), method="close"))
    tracker.close(True)
    assert len(said) == 1


def test_calls_do_not_wait_for_a_slow_sink():
    gate = threading.Event()
    slow = Recorder()

    def make() -> Recorder:
        gate.wait(10)
        return slow

    said: list[str] = []
    tracker = FanOut([Background("slow", make, said.append)], said.append)
    start = time.monotonic()
    for step in range(1000):
        tracker.scalars(step, {"loss": 1.0})
    assert time.monotonic() - start < 1
    gate.set()
    tracker.close(True)
    assert sum(call[0] == "scalars" for call in slow.calls) == 1000


def test_closing_a_hanging_sink_is_bounded(monkeypatch):
    monkeypatch.setattr(fan_out, "CLOSE_SECONDS", 0.2)
    gate = threading.Event()
    good = Recorder()
    said: list[str] = []
    hanging = Background("hanging", lambda: gate.wait(10), said.append)  # type: ignore[arg-type]
    tracker = FanOut([hanging, Background("good", lambda: good, said.append)], said.append)
    tracker.scalars(1, {"loss": 1.0})
    start = time.monotonic()
    tracker.close(True)
    assert time.monotonic() - start < 5
    gate.set()
    assert len(said) == 1
    assert said[0].startswith("hanging did not finish")


def test_a_sink_that_falls_far_behind_is_dropped(monkeypatch):
    monkeypatch.setattr(fan_out, "_MOST_CALLS", 10)
    gate = threading.Event()
    said: list[str] = []
    slow = Background("slow", lambda: gate.wait(10), said.append)  # type: ignore[arg-type]
    for step in range(20):
        slow.call("scalars", step, {})
    assert said == ["slow stopped recording: 10 records behind; the training goes on"]
    assert slow.join(0)
    gate.set()


def test_it_is_flushed_while_nothing_happens(monkeypatch):
    monkeypatch.setattr(fan_out, "FLUSH_SECONDS", 0.05)
    sink = Recorder()
    tracker, _ = opened(sink)
    tracker.scalars(1, {"loss": 1.0})
    deadline = time.monotonic() + 5
    while ("flush",) not in sink.calls and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ("flush",) in sink.calls
    tracker.close(True)


def test_flushed_waits_for_all_calls_before_it():
    gate = threading.Event()
    slow = Recorder()

    def make() -> Recorder:
        gate.wait(10)
        return slow

    said: list[str] = []
    tracker = FanOut([Background("slow", make, said.append)], said.append)
    tracker.scalars(1, {"loss": 1.0})
    assert not tracker.flushed(0.1)
    threading.Timer(0.1, gate.set).start()
    assert tracker.flushed(10)
    assert slow.calls[0] == ("scalars", 1, {"loss": 1.0})
    assert slow.calls[-1] == ("flush",)


@pytest.mark.parametrize("method", ["scalars", "flush"])
def test_flushed_does_not_wait_for_a_sink_that_fails(method):
    bad, good = Recorder(OSError(28, "No space left on device"), method), Recorder()
    tracker, said = opened(bad, good)
    tracker.scalars(1, {"loss": 1.0})
    begun = time.monotonic()
    assert tracker.flushed(30)
    assert time.monotonic() - begun < 5
    assert ("flush",) in good.calls
    assert len(said) == 1


def test_flushed_waits_for_hanging_sinks_no_longer_than_it_is_told():
    gate = threading.Event()
    good = Recorder()
    said: list[str] = []
    hanging = [Background(f"{n}", lambda: gate.wait(30), said.append) for n in range(3)]  # type: ignore[arg-type]
    tracker = FanOut([*hanging, Background("good", lambda: good, said.append)], said.append)
    tracker.scalars(1, {"loss": 1.0})
    begun = time.monotonic()
    assert not tracker.flushed(0.3)
    assert time.monotonic() - begun < 2
    gate.set()


def test_flushed_does_not_wait_for_what_is_not_awaited_or_not_open():
    gate = threading.Event()
    said: list[str] = []
    sinks = [
        Background("not awaited", lambda: gate.wait(30), said.append, awaited=False),  # type: ignore[arg-type]
        Background("late", lambda: gate.wait(30), said.append, late=True),  # type: ignore[arg-type]
    ]
    assert FanOut(sinks, said.append).flushed(5)
    gate.set()


def test_flushed_from_another_thread_while_the_loop_logs():
    sink = Recorder()
    tracker, said = opened(sink)
    answers: list[bool] = []
    waiter = threading.Thread(target=lambda: answers.extend(tracker.flushed(10) for _ in range(50)))
    waiter.start()
    for step in range(2000):
        tracker.scalars(step, {"loss": 1.0})
    waiter.join(30)
    tracker.close(True)
    assert tracker.flushed(0.1)  # closed: nothing is left to wait for
    assert answers == [True] * 50
    assert [call[1] for call in sink.calls if call[0] == "scalars"] == list(range(2000))
    assert said == []


@pytest.mark.parametrize(
    ("scalars", "succeeded", "expected"),
    [
        (0, False, []),
        (0, True, ["text", "close"]),
        (1, False, ["text", "scalars", "close"]),
    ],
)
def test_a_late_sink_starts_with_the_first_scalars(scalars, succeeded, expected):
    sink = Recorder()
    tracker, said = opened(sink, late=True)
    tracker.text(0, "note", "x")
    assert sink.calls == []
    for step in range(scalars):
        tracker.scalars(step, {})
    tracker.close(succeeded)
    assert [call[0] for call in sink.calls if call[0] != "flush"] == expected
    assert said == []


def test_what_the_caller_changes_afterwards_is_not_recorded():
    sink = Recorder()
    tracker, _ = opened(sink)
    values, image = {"loss": 1.0}, np.zeros((1, 1, 3), np.uint8)
    tracker.scalars(1, values)
    tracker.picture(1, "sample", image)
    values["loss"], image[:] = 2.0, 9
    tracker.close(True)
    assert sink.calls[0] == ("scalars", 1, {"loss": 1.0})
    assert sink.calls[1][3].max() == 0


def test_nothing_is_recorded_after_close():
    sink = Recorder()
    tracker, _ = opened(sink)
    tracker.close(True)
    tracker.scalars(1, {})
    tracker.close(False)
    assert [call[0] for call in sink.calls] == ["close"]


def test_nested_names_are_dotted():
    assert dotted({"a": {"b": {"c": 1}, "d": [2]}, "e": None}) == {
        "a.b.c": 1,
        "a.d": [2],
        "e": None,
    }
