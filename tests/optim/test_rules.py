import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from framework.optim import adafactor, muon

GENERATOR = np.random.default_rng(0)


def random(*shape):
    return jnp.asarray(GENERATOR.normal(size=shape), jnp.float32)


PARAMS = {
    "linear/kernel": random(12, 8),
    "linear/bias": random(8),
    "conv/kernel": random(3, 3, 2, 4),
    "embedding": random(9, 4),
    "head/kernel": random(8, 3),
}
GRADIENTS = {path: random(*value.shape) for path, value in PARAMS.items()}


def updates_of(rule, steps=3):
    update = jax.jit(rule.update)
    state = rule.init(PARAMS)
    for _ in range(steps):
        updates, state = update(GRADIENTS, state, PARAMS)
    return updates


@pytest.mark.parametrize("momentum", [None, 0.9])
@pytest.mark.parametrize("relative", [True, False])
def test_adafactor_is_that_of_optax(momentum, relative):
    arguments = {
        "min_dim_size_to_factor": 8,
        "momentum": momentum,
        "multiply_by_parameter_scale": relative,
    }
    found = updates_of(adafactor(**arguments))
    expected = updates_of(optax.adafactor(1.0, **arguments))
    for path in PARAMS:
        np.testing.assert_allclose(found[path], -expected[path], rtol=1e-5, err_msg=path)


def test_adafactor_factors():
    state = adafactor(min_dim_size_to_factor=8).init(PARAMS)
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(state)]
    assert (12, 8) not in shapes
    assert (12,) in shapes


def test_muon_orthogonalizes_matrices_and_kernels():
    updates = updates_of(muon(rms=0.2))
    for path, matrix in (
        ("linear/kernel", updates["linear/kernel"]),
        ("conv/kernel", updates["conv/kernel"].reshape(18, 4)),
    ):
        # Newton-Schulz leaves singular values near 1; the scale makes the RMS 0.2.
        values = np.linalg.svd(matrix / (0.2 * np.sqrt(max(matrix.shape))))[1]
        assert (values > 0.6).all(), path
        assert (values < 1.3).all(), path
        assert 0.1 < float(jnp.sqrt(jnp.square(matrix).mean())) < 0.25


def test_muon_gives_the_rest_to_adam():
    updates = updates_of(muon(b1=0.8, b2=0.9, eps=1e-7))
    adam = updates_of(optax.scale_by_adam(b1=0.8, b2=0.9, eps=1e-7))
    for path in ("linear/bias", "embedding", "head/kernel"):
        np.testing.assert_allclose(updates[path], adam[path], rtol=1e-5, err_msg=path)
    assert not np.allclose(updates["linear/kernel"], adam["linear/kernel"], rtol=0.1)


def test_muon_by_path():
    updates = updates_of(muon(adam=("^linear/",)))
    adam = updates_of(optax.scale_by_adam(b1=0.9, b2=0.95))
    np.testing.assert_allclose(updates["linear/kernel"], adam["linear/kernel"], rtol=1e-5)
    assert not np.allclose(updates["head/kernel"], adam["head/kernel"], rtol=0.1)


def test_muon_takes_a_stack_of_layers_as_as_many_matrices():
    axes = {
        "query/kernel": ("layers", "embed", "heads", "head_dim"),
        "output/kernel": ("layers", "heads", "head_dim", "embed"),
        "norm/scale": ("layers", "embed"),
    }
    shapes = {"query/kernel": (3, 8, 2, 4), "output/kernel": (3, 2, 4, 8), "norm/scale": (3, 8)}
    params = {path: random(*shape) for path, shape in shapes.items()}
    stacked = muon(axes=axes)
    updates, _ = stacked.update(params, stacked.init(params), params)
    for layer in range(3):
        single = {path: value[layer].reshape(8, -1) for path, value in params.items()}
        single["norm/scale"] = params["norm/scale"][layer]
        one = muon()
        expected, _ = one.update(single, one.init(single), single)
        for path, value in expected.items():
            found = np.asarray(updates[path][layer]).reshape(value.shape)
            np.testing.assert_allclose(found, value, rtol=1e-4, atol=1e-5, err_msg=path)
