"""A row of a packed program is the training that it would be alone."""

import jax
import numpy as np
import pytest

from framework.parallel.collectives import collectives, counted
from framework.train.packed import Job
from framework.train.packed.feed import Streams, example
from framework.train.packed.program import PackedProgram
from framework.train.packed.rows import on_host, stacked
from tests.train.packed.jobs import (
    CNN,
    DROPOUT,
    MLP,
    TRANSFORMER,
    plain,
    program_of,
    trained_alone,
    trained_packed,
    varied,
)

STEPS = 10


def several(words: tuple[str, ...], count: int) -> list[Job]:
    """Jobs of other seeds and rates."""
    rates = (1e-3, 3e-3, 1e-2, 3e-4)
    return [varied(plain(*words), n, rates[n % 4]) for n in range(count)]


@pytest.mark.parametrize("words", [MLP, DROPOUT, TRANSFORMER], ids=["mlp", "dropout", "lm"])
@pytest.mark.parametrize("devices", [1, 8])
def test_losses_are_those_of_each_training_alone(words: tuple[str, ...], devices: int) -> None:
    jobs = several(words, 2 if devices == 1 else 8)
    packed, _ = trained_packed(jobs, devices, STEPS)
    for row in (0, len(jobs) - 1):
        np.testing.assert_allclose(packed[:, row], trained_alone(jobs[row], STEPS), atol=1e-5)


def test_the_order_of_rows_changes_nothing() -> None:
    jobs = several(MLP, 4)
    losses, _ = trained_packed(jobs, 1, STEPS)
    turned, _ = trained_packed(jobs[::-1], 1, STEPS)
    np.testing.assert_array_equal(losses, turned[:, ::-1])


@pytest.mark.parametrize("devices", [1, 2])
def test_a_neighbour_that_goes_non_finite_changes_nothing(devices: int) -> None:
    words = (*MLP, "trainer.bad_steps=null")
    good = several(words, 4)
    bad = [*good[:1], varied(good[1], 1, 1e38), *good[2:]]
    beside_good, first = trained_packed(good, devices, STEPS)
    beside_bad, second = trained_packed(bad, devices, STEPS)
    assert not np.isfinite(beside_bad[-1, 1])
    kept = [0, 2, 3]
    np.testing.assert_array_equal(beside_good[:, kept], beside_bad[:, kept])
    for one, other in zip(
        *(jax.tree.leaves(on_host(s.params)) for s in (first, second)), strict=True
    ):
        np.testing.assert_array_equal(one[kept], other[kept])


@pytest.mark.parametrize("words", [MLP, CNN, TRANSFORMER], ids=["mlp", "cnn", "lm"])
@pytest.mark.parametrize("one", [False, True], ids=["own batches", "one batch"])
def test_no_device_waits_for_another(words: tuple[str, ...], one: bool) -> None:
    given = plain(*words)
    packed = PackedProgram(program_of(given), tuple(jax.devices()), one_batch=one)
    compiled = packed.compiled(1, *_shapes(packed, given, 8))
    assert counted(collectives(compiled.as_text(), packed.mesh)) == {}


def test_which_rows_that_are_only_sharded_would() -> None:
    """So that the test above could fail: the same step without `shard_map`."""
    given = plain(*CNN)
    packed = PackedProgram(program_of(given), tuple(jax.devices()))
    state, batch = (
        jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=packed.by_rows), tree
        )
        for tree in _shapes(packed, given, 8)
    )
    compiled = jax.jit(jax.vmap(packed.program.step)).lower(state, batch).compile()
    assert counted(collectives(compiled.as_text(), packed.mesh))


def _shapes(packed: PackedProgram, given: Job, rows: int) -> tuple:
    like = packed.program.abstract_state(given.experiment.values())
    state = jax.tree.map(lambda a: jax.ShapeDtypeStruct((rows, *a.shape), a.dtype), like)
    batch = example(Streams(given.experiment.data, (0,) * rows), None, one=packed.one_batch)
    return state, batch


def test_several_steps_in_a_call_are_the_steps_one_by_one() -> None:
    given = plain(*MLP)
    program = program_of(given)
    packed = PackedProgram(program, tuple(jax.devices()[:2]), one_batch=True)
    streams = Streams(given.experiment.data, (0, 0))
    found = []
    for stack in (None, 3):
        begun = program.initial_state(given.experiment.values(), 0)
        state = stacked([begun, begun], packed.by_rows)
        batches = streams.batches(0, stack, one=True)
        for _ in range(1 if stack else 3):
            batch = jax.device_put(next(batches), packed.batches)
            state, metrics = packed.compiled(stack or 1, state, batch)(state, batch)
        found.append(np.asarray(metrics["loss"]).reshape(2, -1)[:, -1])
    np.testing.assert_allclose(*found, rtol=1e-5)
