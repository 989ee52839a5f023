"""Every module of a model is named, in the order of the forward pass, layers of a stack too."""

import functools
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

from framework.train.replay.findings import layer_of
from framework.train.replay.interpreter import Interpreter
from framework.train.replay.names import module_of, named, naming_calls
from tests.models.ready import MODELS, example, network


@functools.cache
def looked_into(name: str) -> tuple[Interpreter, list[Any], list[Any]]:
    """The interpreter after loss and gradient of a model; its results, and those of the model
    without names.
    """
    plain = network(name)
    given = named(plain)
    params, others = plain.initialise(jax.random.key(0))
    inputs = example(MODELS[name][2])

    def loss(network: Any, params: Any) -> Any:
        model: Any = network.bind(params, others)
        return (model(inputs, train=True, rngs=nnx.Rngs(dropout=jax.random.key(1))) ** 2).mean()

    with naming_calls(given):
        traced = jax.make_jaxpr(jax.value_and_grad(lambda p: loss(given, p)))(params)
    interpreter = Interpreter()
    results = [value.array for value in interpreter(traced, *jax.tree.leaves(params))]
    expected = jax.value_and_grad(lambda p: loss(plain, p))(params)
    return interpreter, results, jax.tree.leaves(expected)


def order(interpreter: Interpreter, *, gradient: bool) -> list[tuple[str, int | None]]:
    return [(m.module, layer_of(m.where)) for m in interpreter.marks if m.gradient == gradient]


def test_a_plain_model_forward_and_backward() -> None:
    interpreter, _, _ = looked_into("mlp")
    forward = [name for name, _ in order(interpreter, gradient=False)]
    assert forward == ["layers/0", "dropout", "layers/1", "dropout", "head", "model"]
    assert [name for name, _ in order(interpreter, gradient=True)] == forward[::-1]


def test_a_convolutional_one() -> None:
    names = [name for name, _ in order(looked_into("cnn_batch")[0], gradient=False)]
    assert names[-1] == "model"
    assert len(set(names)) == len(dict.fromkeys(names)) > 4
    paths = {path.rpartition("/")[0] for path in network("cnn_batch").shapes}
    assert paths <= set(names)


def test_the_layers_of_a_stack_are_numbered() -> None:
    interpreter, _, _ = looked_into("transformer")
    forward, backward = (order(interpreter, gradient=each) for each in (False, True))
    query = "blocks/attention/query"
    assert [layer for name, layer in forward if name == query] == [0, 1]
    assert [layer for name, layer in backward if name == query] == [1, 0]
    assert forward[0] == ("embedding", None)
    assert [pair for pair in forward if pair[0] in ("norm", "model")] == [
        ("norm", None), ("model", None),
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["mlp", "cnn_batch", "transformer"])
def test_a_named_model_gives_the_same_loss_and_gradient(name: str) -> None:
    _, results, expected = looked_into(name)
    largest = max(float(np.abs(array).max()) for array in expected)
    for result, array in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, array, rtol=1e-5, atol=1e-6 * largest)


def test_calls_are_as_before_afterwards() -> None:
    model = named(network("mlp"))
    before = nnx.Linear.__call__
    with naming_calls(model):
        assert nnx.Linear.__call__ is not before
    assert nnx.Linear.__call__ is before


def test_the_innermost_module_counts() -> None:
    assert module_of("jvp([model])/[blocks]/[blocks/attention]/softmax") == "blocks/attention"
    assert module_of("transpose(jvp([model]))") == "model"
    assert module_of("transpose(jvp())/reduce") is None
