"""Batches that are not finite, and runs that are killed while something is done about them."""

from collections.abc import Callable

import numpy as np

from framework.data.order import Order
from tests.faults.case import Case
from tests.faults.scene import STEPS, Scene

EXAMPLES, BATCH = 1257, 32
AFTER = "framework.train.loop:Loop._bound after"
ACTING = "framework.train.listeners.bad_step:BadStepWatch._act"
GOING_ON = ("trainer.bad_steps.action=skip", "run.resume=allow_changes")


def poison(*steps: int) -> str:
    """The word that has one example of each of these steps, and of no other, be not finite."""
    order = Order(EXAMPLES, 0)
    batches = [order.at(step * BATCH, BATCH)[1] for step in range(STEPS)]
    rare = [i for i in range(EXAMPLES) if sum(int(np.sum(batch == i)) for batch in batches) == 1]
    chosen = [next(i for i in rare if i in batches[step - 1]) for step in steps]
    return f"data.augmentations=[{{_target_:faulty.Faulty,poison:{chosen}}}]".replace(" ", "")


def _stop_and_skip(scene: Scene) -> None:
    _stop(scene)
    scene.start(*GOING_ON, code=0)


def _stop(scene: Scene) -> None:
    ended = scene.start(code=1, SLOW="0.02")
    assert "Stopped: in step 25 the loss is nan. The state before it is saved" in ended.err
    with np.load(scene.run / "bad_steps" / "25" / "batch.npz") as batch:
        assert np.isnan(batch["inputs"]).any()


def _stop_killed(scene: Scene) -> None:
    scene.killed(f"{AFTER} 15", SLOW="0.02")
    scene.killed(f"{ACTING} before 1", SLOW="0.02")
    _stop(scene)
    scene.killed(f"{AFTER} 10", *GOING_ON, SLOW="0.02")


def _go_on(scene: Scene) -> None:
    scene.finish(*GOING_ON)


def _killed_at(*places: str) -> Callable[[Scene], None]:
    def play(scene: Scene) -> None:
        for place in places:
            scene.killed(place, SLOW="0.02")

    return play


_REWIND = ("trainer.bad_steps.action=rewind",)
CASES = (
    Case("bad-step-stops", _stop_killed, (poison(25),), untouched=_stop_and_skip, then=_go_on),
    Case(
        "bad-steps-left-out",
        _killed_at(f"{AFTER} 15", f"{ACTING} before 1", f"{AFTER} 8"),
        (poison(25, 26, 38), "trainer.bad_steps.action=skip"),
    ),
    Case(
        "bad-step-rewinds",
        _killed_at(f"{ACTING} before 1", f"{ACTING} after 1", f"{AFTER} 15"),
        (poison(25), *_REWIND),
        tests="long",
    ),
    Case(
        "bad-step-killed-going-back",
        _killed_at("framework.train.run:begin before 2", f"{AFTER} 30"),
        (poison(25), *_REWIND),
    ),
    Case(
        "bad-step-passes-over-three",
        _killed_at(f"{ACTING} after 1", f"{AFTER} 9", f"{AFTER} 28"),
        (poison(22), *_REWIND, "trainer.bad_steps.pass_over=3"),
    ),
    Case(
        "bad-steps-rewind-twice",
        _killed_at("framework.train.run:begin after 2", "framework.train.run:begin before 2"),
        (poison(25, 38), *_REWIND, "trainer.bad_steps.pass_over=3"),
    ),
)
