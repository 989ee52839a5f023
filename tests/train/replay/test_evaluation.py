"""What is seen in a step: the run's own numbers, and where they break."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from framework.run import RunDirectory
from framework.train.replay.before import Before
from framework.train.replay.evaluation import evaluate, inputs_of, losses_of_examples
from framework.train.replay.findings import findings
from framework.train.state import TrainState
from tests.train.small import Small, batches, small

BATCH = batches(1)[0]


def looked_into(
    made: Small, state: TrainState, batch: dict[str, Any] = BATCH
) -> tuple[dict[str, Any], Before]:
    none: Any = None  # the experiment, which nothing here asks for
    before = Before(none, made.program, RunDirectory(Path("run")), 0, 0, state, batch)
    with jax.set_mesh(made.program.mesh):
        seen, losses = evaluate(before), losses_of_examples(before)
        return findings(before, inputs_of(before), seen, losses), before


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_step_that_is_well(accumulate: int) -> None:
    made = small(accumulate=accumulate)
    found, _ = looked_into(made, made.start())
    _, (expected, *_) = made.train(made.start(), [BATCH])
    assert found["finite"]
    assert (found["first"], found["inputs_not_finite"], found["passing"]) == (None, [], [])
    for name in ("loss", "gradient_norm"):
        assert found["compiled"][name] == pytest.approx(expected[name], rel=1e-6)
        assert found[name] == pytest.approx(expected[name], rel=1e-4)
    names = [(row["module"], row["microbatch"]) for row in found["modules"]]
    modules = ["layers/0", "layers/1", "head", "model"]
    numbers = range(accumulate) if accumulate > 1 else [None]
    assert names == [(module, number) for number in numbers for module in modules]


def test_the_losses_of_the_examples_make_up_that_of_the_batch() -> None:
    made = small()
    found, before = looked_into(made, made.start())
    with jax.set_mesh(made.program.mesh):
        losses = losses_of_examples(before)
    assert losses.shape == BATCH["labels"].shape
    assert losses.mean() == pytest.approx(found["loss"], rel=1e-5)
    worst = found["examples"]["largest"][0]
    assert worst == {
        "row": int(losses.argmax()), "index": int(BATCH["index"][losses.argmax()]),
        "loss": losses.max(),
    }  # fmt: skip


def test_in_which_microbatch_and_for_which_examples() -> None:
    """Images as grey as the mean are zeros after preprocessing, whatever the weights."""
    made = small(accumulate=2)
    state = made.start()
    kernel = state.params["layers/0/kernel"]
    state = state.replace(params=state.params | {"layers/0/kernel": kernel * 0 + 1e38})
    images = np.full_like(BATCH["inputs"], 128)
    images[5] = 255  # an odd row: microbatches take turns
    found, _ = looked_into(made, state, BATCH | {"inputs": images})
    first = found["first"]
    assert (first["module"], first["microbatch"], first["pass"]) == ("layers/0", 1, "forward")
    assert (first["operation"], first["inputs"][1]) == ("dot_general", pytest.approx(1e38))
    assert found["examples"]["not_finite"] == 1
    assert found["examples"]["largest"][0] == {"row": 5, "index": 5, "loss": None}


def test_an_update_that_alone_overflows() -> None:
    made = small()
    state = made.start(optimizer=made.values.optimizer.replace(learning_rate=3e38))
    kernel = state.params["head/kernel"] * 0 + 100  # whose decay is ten times the gradient's step
    params = state.params | {"head/kernel": kernel}
    found, _ = looked_into(made, state.replace(step=state.step + 10, params=params))
    assert found["loss"] is not None
    assert found["gradient_norm"] is not None
    assert not found["finite"]
    assert found["first"]["pass"] == "update"
    assert found["first"]["module"] == "optimizer"


def test_what_comes_in_is_named() -> None:
    made = small()
    state = made.start()
    bias = state.params["head/bias"].at[0].set(np.nan)
    found, _ = looked_into(made, state.replace(params=state.params | {"head/bias": bias}))
    assert [row["name"] for row in found["inputs_not_finite"]] == ["params/head/bias"]
    assert found["inputs_not_finite"][0]["nan"] == 1
    assert found["first"] is None
    assert not found["finite"]
