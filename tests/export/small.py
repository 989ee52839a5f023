"""Small exportable models: the ready-made ones with random weights, and one that learned digits."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits

from framework.export.exportable import Exportable
from framework.models import MLP, Network
from framework.spec import Field
from tests.models.ready import MODELS, example
from tests.models.ready import network as ready_network

ALONE = "features"  # the name of an input that stands alone


def part(weights, prefix):
    return {n.removeprefix(prefix): w for n, w in weights.items() if n.startswith(prefix)}


def exportable(network, inputs, params=None):
    """The network as a function of flat weights, and a batch of its inputs."""
    random = np.random.default_rng(0)
    first = {n: random.normal(0, 0.1, one.shape) for n, one in network.shapes.items()}
    others = {n: random.uniform(0.5, 1, one.shape) for n, one in network.other_shapes.items()}
    batch = inputs if isinstance(inputs, dict) else {ALONE: inputs}

    def function(weights, inputs):
        model = network.bind(part(weights, "params/"), part(weights, "others/"))
        outputs = model(inputs.get(ALONE, inputs), train=False)
        return {"probabilities": jax.nn.softmax(outputs.astype(jnp.float32))}

    named = {"params": params or first, "others": others}
    weights = {
        f"{prefix}/{name}": np.asarray(array, np.float32)
        for prefix, arrays in named.items()
        for name, array in arrays.items()
    }
    shapes = {n: jax.ShapeDtypeStruct(x.shape[1:], x.dtype) for n, x in batch.items()}
    return Exportable(function, weights, shapes, {}), batch


def ready(name):
    """One of the ready-made models, its network and a batch."""
    network = ready_network(name)
    return *exportable(network, example(MODELS[name][2])), network


def learned_digits():
    """An MLP that learned half of the digits; the other half, and their labels."""
    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32)
    field = Field((64,), "float32")
    network = Network.of(lambda rngs: MLP((64,), inputs=field, outputs=10, rngs=rngs))
    params, others = jax.jit(network.initialise)(jax.random.key(0))
    optimizer = optax.adam(0.01)

    @jax.jit
    def step(params, state):
        def loss(params):
            outputs = network.bind(params, others)(images[::2], train=True)
            losses = optax.softmax_cross_entropy_with_integer_labels(outputs, labels[::2])
            return losses.mean()

        updates, state = optimizer.update(jax.grad(loss)(params), state)
        return optax.apply_updates(params, updates), state

    state = optimizer.init(params)
    for _ in range(60):
        params, state = step(params, state)
    return *exportable(network, images[1::2], params), network, labels[1::2]
