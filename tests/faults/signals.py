"""SIGTERM and SIGINT, wherever a run is."""

import signal
import time

from tests.faults.case import Case
from tests.faults.scene import Scene, wait_until

GRACE = 2.0
HANG = 6
# The fifth call of a program that never returns, so that no signal's handler of Python's can run.
STUCK = "framework.train.loop:Loop._bound before 25 hang"


def _in_the_loop(number: signal.Signals) -> Case:
    def play(scene: Scene) -> None:
        process = scene.begin(SLOW="0.1")
        scene.wait(process, 10)
        process.send_signal(number)
        ended = scene.end(process, 75)
        assert f"interrupted by {number.name}" in ended.out, ended.out
        assert scene.seconds[-1] < GRACE, f"it took {scene.seconds[-1]:.1f} s to end"

    name = f"{number.name.lower()}-in-the-loop"
    tested = "fast" if number is signal.SIGTERM else "no"
    return Case(name, play, tests=tested, harmless=(f"trainer.grace_seconds={GRACE}",))


def _twice(scene: Scene) -> None:
    process = scene.begin(SLOW="0.1", fault="faulty:Faulty.__call__ before 25 sleep=20")
    scene.wait(process, 20)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    ended = scene.end(process, 130)
    assert scene.seconds[-1] < 5, f"it took {scene.seconds[-1]:.1f} s to end"
    assert "Stopping after this step" in ended.err, ended.err


def _while_stuck(scene: Scene) -> None:
    process = scene.begin(SLOW="0.05", fault=STUCK)
    scene.wait(process, 20)
    time.sleep(1.0)
    process.send_signal(signal.SIGTERM)
    ended = scene.end(process, 75)
    assert GRACE - 0.5 < scene.seconds[-1] < GRACE + 3, f"it took {scene.seconds[-1]:.1f} s"
    assert "trainer.grace_seconds" in ended.err, ended.err


def _hung(scene: Scene) -> None:
    ended = scene.start(code=75, fault=STUCK, SLOW="0.05")
    assert f"no step was finished for {HANG} s (trainer.hang_seconds)" in ended.err, ended.err
    assert "pthread" not in ended.err
    assert (scene.run / "hang-0.txt").read_text().count("Thread 0x") > 1


def _no_data(scene: Scene) -> None:
    ended = scene.start(code=75, fault="faulty:Faulty.__call__ before 25 sleep=60", SLOW="0.05")
    assert f"no batch came for {HANG} s (trainer.hang_seconds)" in ended.err, ended.err


def _slow_report(scene: Scene) -> None:
    fault = f"framework.train.conclude:write_report before 1 sleep={HANG + 3}"
    scene.start(code=0, fault=fault)


def _by_itself(name: str, place: str, **more: str) -> Case:
    """The process sends itself SIGTERM at that call."""

    def play(scene: Scene) -> None:
        scene.start(code=75, fault=f"{place} SIGTERM", SLOW="0.03")

    return Case(f"sigterm-{name}", play, **more)  # type: ignore[arg-type]


def _while_it_starts(seconds: float) -> Case:
    def play(scene: Scene) -> None:
        process = scene.begin(SLOW="0.3")
        # Before its own first line runs a signal does what it always does.
        wait_until(process, lambda: _ignores_default(process.pid))
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        scene.end(process, 75)

    return Case(f"sigterm-{seconds:g}-s-after-its-first-line", play)


def _ignores_default(pid: int) -> bool:
    """Whether the process has a handler for SIGTERM; Linux tells."""
    with open(f"/proc/{pid}/status") as file:  # noqa: PTH123
        caught = next(line.split()[1] for line in file if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (signal.SIGTERM - 1) & 1)


_QUICKLY = (f"trainer.grace_seconds={GRACE}",)
_SOON = (f"trainer.hang_seconds={HANG}",)
CASES = (
    _in_the_loop(signal.SIGTERM),
    _in_the_loop(signal.SIGINT),
    Case("sigint-twice", _twice),
    *(_while_it_starts(seconds) for seconds in (0.0, 0.5, 1.0, 2.0)),
    _by_itself("at-the-first-state", "framework.train.program:Program.initial_state before 1"),
    _by_itself("at-the-first-step", "framework.train.loop:Loop._bound before 1"),
    _by_itself("in-an-evaluation", "framework.train.conclude:evaluate_state before 2"),
    _by_itself("in-a-save", "framework.checkpoint.checkpoints:write_manifest before 2"),
    _by_itself("in-the-last-save", "framework.checkpoint.checkpoints:write_manifest before 6"),
    _by_itself("in-the-conclusion", "framework.train.conclude:write_report before 1", tests="fast"),
    _by_itself("after-the-report", "framework.train.conclude:write_report after 1"),
    Case("sigterm-in-a-stuck-step", _while_stuck, harmless=_QUICKLY, tests="long"),
    Case("stuck-step", _hung, harmless=_SOON, tests="long"),
    Case("stuck-data", _no_data, harmless=_SOON),
    Case("slow-report", _slow_report, harmless=_SOON, tests="long"),
)
