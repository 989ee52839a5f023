import gc
import threading

from framework.run import collect_as_usual, prepare_environment
from framework.train.listeners.start import Start
from tests.train.fake_loop import World


def test_what_waits_for_the_first_step_comes_after_it_once() -> None:
    collect_as_usual()
    before = gc.get_threshold()
    called = threading.Event()
    heard: list[tuple[bool, bool]] = []

    class Heard:
        def on_step(self, moment: object) -> None:
            if len(heard) == 0:
                assert called.wait(10)
            heard.append((called.is_set(), gc.get_threshold() == before))
            called.clear()

    prepare_environment()
    assert gc.get_threshold()[0] > 100_000
    World().loop(Start(called.set), Heard()).advance(0, 0, 3, 1)  # type: ignore[arg-type]
    assert heard == [(True, False), (False, True), (False, True)]
