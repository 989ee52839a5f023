"""How calls are timed side by side."""

from framework.train.distilling.latency import interleaved


class Machine:
    """A clock that a call moves on."""

    def __init__(self) -> None:
        self.now, self.heard = 0.0, []

    def call(self, name: str, seconds: float) -> None:
        self.heard.append(name)
        self.now += seconds


def test_medians_of_calls_in_turn() -> None:
    machine = Machine()
    calls = {"a": lambda: machine.call("a", 2.0), "b": lambda: machine.call("b", 0.5)}
    found, rounds = interleaved(calls, seconds=25.0, least=4, clock=lambda: machine.now)
    assert found == {"a": 2.0, "b": 0.5}
    assert rounds == 10
    assert machine.heard[:6] == ["a"] * 3 + ["b"] * 3  # not counted
    assert "".join(machine.heard[6:14]) == "baabbaab"


def test_a_slow_model_is_called_often_enough_and_a_fast_one_not_for_ever() -> None:
    machine = Machine()
    slow, fast = {"a": lambda: machine.call("a", 9.0)}, {"a": lambda: machine.call("a", 0.0)}
    assert interleaved(slow, least=7, clock=lambda: machine.now)[1] == 7
    assert interleaved(fast, most=30, clock=lambda: machine.now)[1] == 30


def test_an_outlier_does_not_count() -> None:
    machine, durations = Machine(), iter([0, 0, 0, 1.0, 50.0, 1.0, 1.0, 1.0])
    calls = {"a": lambda: machine.call("a", next(durations))}
    assert interleaved(calls, least=5, most=5, clock=lambda: machine.now)[0] == {"a": 1.0}
