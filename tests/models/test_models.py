"""What holds of every ready-made model."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from framework.models import resnet
from tests.models.ready import MODELS, OUTPUTS, example, network


@pytest.fixture(params=MODELS)
def name(request, monkeypatch):
    monkeypatch.setattr(resnet, "BLOCKS", {18: (1, 1), 34: (1, 1), 50: (1, 1)})
    return request.param


def arrays(net, seed=0):
    """Random parameters, away from the zeros that some layers start from; no compilation."""
    generator = np.random.default_rng(seed)
    params = {
        path: jnp.asarray(generator.normal(0.1, 0.3, s.shape), s.dtype)
        for path, s in net.shapes.items()
    }
    _, others = jax.eval_shape(net.initialise, jax.random.key(0))
    return params, {path: jnp.full(s.shape, 0.5, s.dtype) for path, s in others.items()}


def forward(net, params, others, inputs, *, train):
    model = net.bind(params, others)
    outputs = model(inputs, train=train, rngs=nnx.Rngs(dropout=jax.random.key(0)))
    return outputs, net.unbind(model)[1]


def test_every_parameter_names_its_axes_once(name):
    net = network(name)
    assert net.axes.keys() == net.shapes.keys()
    for path, axes in net.axes.items():
        assert len(axes) == net.shapes[path].ndim, path
        assert len(set(axes)) == len(axes), path


def test_training_moves_every_parameter_and_the_statistics(name):
    net = network(name)
    params, others = arrays(net)

    @jax.jit
    def gradient(params, others, inputs):
        def loss(params):
            outputs, after = forward(net, params, others, inputs, train=True)
            return jnp.square(outputs - jnp.arange(OUTPUTS)).sum(), (outputs, after)

        return jax.grad(loss, has_aux=True)(params)

    gradients, (outputs, after) = gradient(params, others, example(MODELS[name][2]))
    assert (outputs.shape[0], outputs.shape[-1]) == (4, OUTPUTS)
    assert outputs.dtype == jnp.float32
    assert [path for path, g in gradients.items() if not np.isfinite(g).all()] == []
    assert [path for path, g in gradients.items() if not np.any(g)] == []
    assert after.keys() == others.keys()
    moved = {path for path in others if not np.array_equal(after[path], others[path])}
    assert moved == {path for path in others if path.endswith(("/mean", "/var", "/loss"))}


def test_evaluation_of_an_example_does_not_depend_on_the_others(name):
    net = network(name)
    params, others = arrays(net)
    evaluate = jax.jit(lambda x: forward(net, params, others, x, train=False)[0])
    inputs, strangers = (example(MODELS[name][2], seed=seed) for seed in (0, 1))
    mixed = jax.tree.map(lambda a, b: b.at[2].set(a[2]), inputs, strangers)
    expected, found = evaluate(inputs), evaluate(mixed)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-5, atol=1e-5)
    assert not np.allclose(found[1], expected[1])


def test_bfloat16_stays_bfloat16_and_statistics_float32(name):
    net = network(name)

    def half(tree):
        return jax.tree.map(
            lambda a: a.astype(jnp.bfloat16) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree
        )

    params, others = arrays(net)
    outputs, after = jax.eval_shape(
        lambda p, x: forward(net, half(p), others, half(x), train=True),
        params,
        example(MODELS[name][2]),
    )
    assert outputs.dtype == jnp.bfloat16
    assert all(value.dtype == jnp.float32 for value in after.values())
