"""Signals ask the loop to stop; a second Ctrl-C does what it did before."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from framework.train.listeners.interruption import interruptible
from framework.train.loop import Loop


def loop() -> Loop:
    return Loop(call=lambda size: None, feed=lambda step, size: iter(()))  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_loop_and_handlers_are_put_back(
    number: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    own, before = loop(), signal.getsignal(number)
    with interruptible(own, 25.0):
        os.kill(os.getpid(), number)
        assert own.stopped == f"interrupted by {number.name}"
    assert signal.getsignal(number) == before
    assert ("once more stops at once" in capfd.readouterr().err) == (number == signal.SIGINT)


@pytest.fixture
def as_at_a_terminal() -> Iterator[None]:
    """Ctrl-C as Python takes it, also where a shell began the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_second_ctrl_c_stops_at_once(as_at_a_terminal: None) -> None:
    own = loop()
    with interruptible(own, 25.0):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert own.stopped == "interrupted by SIGINT"


def test_a_second_sigterm_changes_nothing() -> None:
    own = loop()
    with interruptible(own, 25.0):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    assert own.stopped == "interrupted by SIGTERM"


def test_on_another_thread_signals_are_left_alone() -> None:
    found: list[Any] = []
    before = signal.getsignal(signal.SIGTERM)

    def inside() -> None:
        with interruptible(loop(), 25.0):
            found.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [before]
