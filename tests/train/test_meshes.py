"""One program serves every mesh: the numbers do not change, and devices send what they must."""

import functools
from typing import Any

import jax
import numpy as np
import pytest

from framework.parallel import batch_putter
from framework.parallel.collectives import collectives, counted
from framework.train.state import as_arrays
from tests.train.meshes import LENGTH, MESHES, MODELS, ROWS, TEXT, batches_for, case

STEPS = 20
SEVERAL = [mesh for mesh in MESHES if mesh != "single"]
GATHER, REDUCE, EXCHANGE = "all-gather", "all-reduce", "all-to-all"
# On a CPU gradients of divided parameters are reduced whole and then cut; a TPU scatters them.
EXPECTED = {
    "data": {(REDUCE, ("data",))},
    "fsdp": {(GATHER, ("fsdp",)), (REDUCE, ("fsdp",))},
    "fsdp_tensor": {(GATHER, ("fsdp",)), (REDUCE, ("fsdp",)), (REDUCE, ("tensor",))},
    "sequence": {(REDUCE, ("data",))},
    "expert": {
        (GATHER, ("fsdp",)), (REDUCE, ("fsdp",)), (REDUCE, ("expert",)),
        (REDUCE, ("fsdp", "expert")),
    },
    "multislice": {
        (GATHER, ("fsdp",)), (REDUCE, ("fsdp",)), (REDUCE, ("replica",)),
        (REDUCE, ("replica", "fsdp")),
    },
}  # fmt: skip
# Keys and values for all queries; what each part of a sequence adds to the gradients.
ALONG_SEQUENCE = {(GATHER, ("sequence",)), (REDUCE, ("sequence",))}
# The softmax over a divided vocabulary: two numbers a token.
OVER_VOCABULARY = {(GATHER, ("tensor",))}


@functools.cache
def compiled(model: str, mesh: str) -> Any:
    """The training step's program."""
    small, (batch,) = case(model, mesh), batches_for(model, 1)
    with jax.set_mesh(small.program.mesh):
        put = batch_putter(small.program.mesh_options, small.program.mesh)
        call: Any = small.program.call(1, small.abstract)
        return call.lower(small.abstract, put(batch)).compile()


@functools.cache
def trained(model: str, mesh: str) -> tuple[list[float], dict[str, np.ndarray]]:
    """The losses of twenty steps, and what evaluation then says about another batch."""
    small, data, losses = case(model, mesh), batches_for(model, STEPS + 1), []
    with jax.set_mesh(small.program.mesh):
        put = batch_putter(small.program.mesh_options, small.program.mesh)
        state = small.start()
        for batch in data[:STEPS]:
            state, metrics = compiled(model, mesh)(state, put(batch))
            losses.append(float(metrics["loss"]))
        found = small.program.predict(
            state.evaluated_params, state.model_state, state.values, put(data[-1])
        )
    return losses, {name: np.asarray(array) for name, array in found.items()}


@pytest.mark.parametrize("mesh", SEVERAL)
@pytest.mark.parametrize("model", MODELS)
def test_a_mesh_gives_the_losses_and_the_evaluation_of_one_device(model: str, mesh: str) -> None:
    (losses, predictions), (expected, said) = trained(model, mesh), trained(model, "single")
    assert expected[-1] < 0.97 * expected[0]  # or nothing would be compared
    np.testing.assert_allclose(losses, expected, rtol=1e-5)
    for name, array in said.items():
        np.testing.assert_allclose(predictions[name], array, rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("mesh", SEVERAL)
@pytest.mark.parametrize("model", MODELS)
def test_devices_send_what_is_expected_and_nothing_else(model: str, mesh: str) -> None:
    small = case(model, mesh)
    found = collectives(compiled(model, mesh).as_text(), small.program.mesh)
    allowed = set(EXPECTED[mesh])
    if model == "transformer_moe" and mesh == "expert":
        allowed |= {(EXCHANGE, ("expert",))}
    if model != "cnn" and mesh == "sequence":
        allowed |= ALONG_SEQUENCE
    if model in TEXT and mesh == "fsdp_tensor":
        allowed |= OVER_VOCABULARY
    assert set(counted(found)) == allowed
    largest = largest_layer(small.program.network)
    for collective in found:
        if collective.kind == GATHER and collective.axes == ("fsdp",):
            assert collective.bytes <= largest, collective  # one layer at a time, never the model
        if collective.kind == GATHER and collective.axes == ("tensor",):
            assert collective.bytes <= 2 * ROWS * LENGTH * 4, collective


def largest_layer(network: Any) -> int:
    """Bytes of the largest parameter; of a stack, of one layer's."""
    sizes = []
    for path, array in network.shapes.items():
        layers = array.shape[0] if network.axes[path][0] == "layers" else 1
        sizes.append(array.size * array.dtype.itemsize // layers)
    return max(sizes)


@pytest.mark.parametrize("model", ["transformer", "transformer_moe"])
def test_microbatches_weigh_by_their_tokens(model: str) -> None:
    """Accumulation gives the loss of the whole batch, whose rows have unequal numbers of tokens."""
    (batch,) = batches_for(model, 1)
    batch["labels"][1::2, : LENGTH - 2] = -1  # the second microbatch has hardly any
    metrics = []
    for accumulate in (1, 2):
        small = case(model, accumulate=accumulate, **without_balance(model))
        with jax.set_mesh(small.program.mesh):
            metrics.append(small.train(small.start(), [batch])[1][0])
    for name in ("loss", "log_loss", "accuracy", "gradient_norm"):
        np.testing.assert_allclose(metrics[1][name], metrics[0][name], rtol=1e-5, err_msg=name)


def without_balance(model: str) -> dict[str, float]:
    """The balance of experts is one of each microbatch: not linear in its parts."""
    return {"load_balancing": 0.0} if model == "transformer_moe" else {}


@pytest.mark.parametrize("model", ["transformer"])
def test_peak_memory_falls_with_the_devices_of_fsdp(model: str) -> None:
    sizes = {"layers": 4, "width": 64, "mlp_width": 256}
    peak = {}
    for devices in (1, 2, 4, 8):
        small = case(model, "fsdp", devices=devices, **sizes)
        with jax.set_mesh(small.program.mesh):
            put = batch_putter(small.program.mesh_options, small.program.mesh)
            call: Any = small.program.call(1, small.abstract)
            program = call.lower(small.abstract, put(batches_for(model, 1)[0])).compile()
        memory = program.memory_analysis()
        peak[devices] = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    for devices in (2, 4, 8):
        assert peak[devices] < 1.25 * peak[1] / devices, peak


@pytest.mark.parametrize("mesh", ["fsdp", "fsdp_tensor"])
def test_no_device_ever_holds_the_whole_model_not_even_at_the_start(mesh: str) -> None:
    """The program that makes the state needs an eighth of it and of the room to make it in."""
    small = case("transformer", mesh, layers=4, width=64, mlp_width=256)
    program, shardings = small.program, jax.tree.map(lambda leaf: leaf.sharding, small.abstract)
    with jax.set_mesh(program.mesh):
        make = jax.jit(program._initialise, out_shardings=shardings)
        memory = make.lower(np.uint32(0), as_arrays(small.values)).compile().memory_analysis()
    parameters = sum(array.size * 4 for array in program.network.shapes.values())
    assert memory.output_size_in_bytes < 1.1 * 4 * parameters / 8  # with two moments and an average
    assert memory.temp_size_in_bytes < parameters / 8
