"""Learning of bad steps a few calls late."""

from dataclasses import dataclass, field
from typing import Any

import jax.numpy as jnp
import pytest

from framework.train.bad_steps import BadStep
from framework.train.guard import BadSteps
from framework.train.listeners.bad_step import SAID, BadStepWatch
from framework.train.loop import IN_FLIGHT, Loop, Moment

NAN = float("nan")


@dataclass
class Heard:
    """A watch on a fake run, what it noted and what it said."""

    watch: BadStepWatch
    noted: list[BadStep] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _count: int = 0
    _step: int = 0

    @classmethod
    def of(cls, options: BadSteps, known: tuple[BadStep, ...] = ()) -> "Heard":
        loop = Loop(call=lambda size: None, feed=lambda step, size: iter(()))  # type: ignore[arg-type,return-value]
        heard = cls(None)  # type: ignore[arg-type]
        heard.watch = BadStepWatch(
            loop, options, 0, known, note=heard.noted.append, tell=heard.said.append
        )
        return heard

    def steps(self, *losses: float, size: int = 1) -> "Heard":
        """Calls of `size` steps with such losses; NaN is a bad step."""
        counts = []
        for loss in losses:
            self._count += loss != loss
            counts.append(self._count)
        for first in range(0, len(losses), size):
            part = slice(first, first + size)
            self._step += size
            metrics: dict[str, Any] = {
                "loss": jnp.asarray(losses[part]), "bad_steps": jnp.asarray(counts[part]),
                "gradient_norm": jnp.ones(size),
            }  # fmt: skip
            if size == 1:
                metrics = {name: array[0] for name, array in metrics.items()}
            self.watch.on_step(Moment(self._step, size, None, metrics, 0.0))  # type: ignore[arg-type]
        return self


def test_a_good_run_is_left_alone() -> None:
    heard = Heard.of(BadSteps()).steps(*[1.0] * 40)
    heard.watch.on_end(40)
    assert (heard.noted, heard.said, heard.watch.loop.stopped) == ([], [], None)


def test_no_call_is_looked_at_before_it_is_done() -> None:
    heard = Heard.of(BadSteps()).steps(NAN, *[1.0] * (IN_FLIGHT - 1))
    assert heard.watch.loop.stopped is None
    heard.steps(1.0)
    assert heard.watch.loop.stopped == "in step 1 the loss is nan"
    assert heard.watch.loop.then == "fail"


def test_the_end_looks_at_the_rest() -> None:
    heard = Heard.of(BadSteps()).steps(1.0, NAN, 1.0)
    heard.watch.on_end(3)
    assert [bad.step for bad in heard.noted] == [2]
    assert heard.noted[0].loss is None


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_step_is_known_within_a_call(size: int) -> None:
    heard = Heard.of(BadSteps()).steps(1.0, 1.0, 1.0, 1.0, 1.0, NAN, 1.0, 1.0, size=size)
    heard.watch.on_end(8)
    assert [(bad.step, bad.batch, bad.action) for bad in heard.noted] == [(6, 5, "stop")]


def test_skipped_steps_are_told_up_to_a_number() -> None:
    heard = Heard.of(BadSteps("skip", limit=1)).steps(*[1.0, NAN] * 15)
    heard.watch.on_end(30)
    assert len(heard.noted) == 15
    assert len(heard.said) == SAID
    assert heard.said[0] == "Step 2 is left out: the loss is nan (batch 1)"
    assert heard.said[-1].endswith("further ones are noted without a line")
    assert heard.watch.loop.stopped is None


@pytest.mark.parametrize("size", [1, 2, 5])
def test_too_many_in_a_row_end_the_run(size: int) -> None:
    heard = Heard.of(BadSteps("skip", limit=2)).steps(
        NAN, NAN, 1.0, NAN, 1.0, 1.0, NAN, NAN, NAN, 1.0, size=size
    )
    heard.watch.on_end(10)
    assert [(bad.step, bad.action) for bad in heard.noted] == [
        (1, "skip"), (2, "skip"), (4, "skip"), (7, "skip"), (8, "skip"), (9, "stop"),
    ]  # fmt: skip
    assert heard.watch.loop.then == "fail"


def test_going_back_leaves_out_batches_up_to_the_bad_one() -> None:
    known = (BadStep(3, 2, "", None, None, "rewind", (2,)),)
    heard = Heard.of(BadSteps("rewind", limit=2, pass_over=2), known).steps(1.0, 1.0, NAN, 1.0)
    heard.watch.on_end(4)
    # Step 3 is made with batch 3, as batch 2 is left out already.
    assert (heard.noted[0].batch, heard.noted[0].passed_over) == (3, (1, 3))
    assert heard.watch.loop.then == "go_back"


def test_going_back_has_a_bound() -> None:
    known = tuple(BadStep(n, n, "", None, None, "rewind", (n,)) for n in range(2))
    heard = Heard.of(BadSteps("rewind", limit=2), known).steps(NAN)
    heard.watch.on_end(1)
    assert (heard.noted[0].action, heard.watch.loop.then) == ("stop", "fail")


def test_what_was_bad_is_noted_before_a_checkpoint() -> None:
    heard = Heard.of(BadSteps("skip")).steps(1.0, NAN, 1.0)
    assert heard.noted == []
    heard.watch.on_checkpoint(3)
    assert [bad.step for bad in heard.noted] == [2]
