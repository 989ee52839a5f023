"""The embedding of an example: what the head is given."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from framework.models.embedding import with_embedding
from framework.models.network import Network
from tests.models.ready import MODELS, example, network


@pytest.mark.parametrize("name", ["mlp", "cnn_batch", "resnet18", "table", "transformer",
                                  "transformer_untied", "vit"])  # fmt: skip
def test_outputs_stay_as_they_are(name: str) -> None:
    own = network(name)
    params, others = own.initialise(jax.random.key(0))
    inputs = example(MODELS[name][2])
    outputs, embedding = jax.jit(lambda p: with_embedding(own.bind(p, others), inputs))(params)
    expected = jax.jit(lambda p: own.bind(p, others)(inputs, train=False))(params)
    np.testing.assert_array_equal(outputs, expected)
    assert embedding.shape[0] == outputs.shape[0]
    assert embedding.ndim == 2
    assert embedding.dtype == jnp.float32


def test_the_head_makes_the_outputs_of_it() -> None:
    own = network("mlp")
    params, others = own.initialise(jax.random.key(0))
    outputs, embedding = with_embedding(own.bind(params, others), example(MODELS["mlp"][2]))
    again = embedding @ params["head/kernel"] + params["head/bias"]
    np.testing.assert_allclose(outputs, again, rtol=1e-5, atol=1e-6)


class Sums(nnx.Module):
    """A model without head and norm; of a sequence."""

    def __init__(self, *, rngs: nnx.Rngs) -> None:
        self.scale = nnx.Param(jnp.ones(()))

    def __call__(self, inputs: dict, *, train: bool) -> jax.Array:
        return inputs["tokens"][..., None] * self.scale.get_value() * jnp.arange(1.0, 3.0)


def test_padding_does_not_count() -> None:
    own = Network.of(lambda rngs: Sums(rngs=rngs))
    params, others = own.initialise(jax.random.key(0))
    inputs = {"tokens": jnp.asarray([[2.0, 4.0, 900.0]]), "segments": jnp.asarray([[1, 2, 0]])}
    _, embedding = with_embedding(own.bind(params, others), inputs)
    np.testing.assert_allclose(embedding, [[3.0, 6.0]])
