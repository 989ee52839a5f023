from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from framework.config import InvalidConfig
from framework.optim import Optimizer, Rule, muon

GENERATOR = np.random.default_rng(0)
SHAPES = {
    "blocks/0/linear/kernel": (6, 5),
    "blocks/0/linear/bias": (5,),
    "blocks/0/norm/scale": (5,),
    "head/kernel": (5, 3),
}
PARAMS = {k: jnp.asarray(GENERATOR.normal(size=s), jnp.float32) for k, s in SHAPES.items()}
TARGET = {k: jnp.asarray(GENERATOR.normal(size=s), jnp.float32) for k, s in SHAPES.items()}
DECAYED = {k: k.endswith("kernel") for k in PARAMS}
FACTORS = np.linspace(0.1, 1, 20, dtype=np.float32)


def gradient(params):
    return jax.tree.map(lambda p, t: p - t + 0.1 * jnp.sin(3 * p), params, TARGET)


@jax.jit
def step(optimizer, factor, params, state):
    """One update with every value of the optimizer traced."""
    transformation = optimizer.transformation(factor, params)
    updates, state = transformation.update(gradient(params), state, params)
    return optax.apply_updates(params, updates), state


def run(optimizer, factors=FACTORS):
    optimizer = jax.tree.map(jnp.float32, optimizer)
    params, state = PARAMS, optimizer.transformation(1.0, PARAMS).init(PARAMS)
    for factor in factors:
        params, state = step(optimizer, factor, params, state)
    return params


def run_optax(transformation):
    """The same with Optax's own optimizer, whose numbers are constants."""

    @jax.jit
    def update(params, state):
        updates, state = transformation.update(gradient(params), state, params)
        return optax.apply_updates(params, updates), state

    params, state = PARAMS, transformation.init(PARAMS)
    for _ in FACTORS:
        params, state = update(params, state)
    return params


def assert_close(found, expected):
    assert found.keys() == expected.keys()
    for path in expected:
        np.testing.assert_allclose(found[path], expected[path], rtol=1e-6, atol=1e-6, err_msg=path)


def schedule(peak):
    return lambda count: peak * jnp.asarray(FACTORS)[count]


def test_adamw_with_clipping_is_that_of_optax():
    rule = partial(optax.scale_by_adam, b1=0.8, b2=0.99)
    found = run(Optimizer(0.05, rule, weight_decay=0.1, clip_norm=0.5))
    adamw = optax.adamw(schedule(0.05), b1=0.8, b2=0.99, weight_decay=0.1, mask=DECAYED)
    assert_close(found, run_optax(optax.chain(optax.clip_by_global_norm(0.5), adamw)))


def test_nesterov_is_that_of_optax():
    found = run(Optimizer(0.05, partial(optax.trace, decay=0.9, nesterov=True)))
    assert_close(found, run_optax(optax.sgd(schedule(0.05), momentum=0.9, nesterov=True)))


def test_lion_is_that_of_optax():
    found = run(Optimizer(0.01, partial(optax.scale_by_lion, b1=0.9, b2=0.99), weight_decay=0.3))
    lion = optax.lion(schedule(0.01), b1=0.9, b2=0.99, weight_decay=0.3, mask=DECAYED)
    assert_close(found, run_optax(lion))


def test_other_values_compile_nothing():
    step.clear_cache()
    for learning_rate, weight_decay, clip_norm in ((0.1, 0.0, 1.0), (0.2, 0.5, 0.3)):
        rule = partial(optax.scale_by_adam, b1=0.9)
        run(Optimizer(learning_rate, rule, weight_decay, clip_norm), FACTORS[:2])
    assert step._cache_size() == 1
    run(Optimizer(0.1, partial(optax.scale_by_adam, b1=0.8), 0.0, 1.0), FACTORS[:1])
    assert step._cache_size() == 2


def test_frozen_parameters_stay_and_have_no_moments():
    optimizer = Optimizer(
        0.1, optax.scale_by_adam, weight_decay=0.1, clip_norm=0.1, frozen=("^blocks/",)
    )
    found = run(optimizer, FACTORS[:3])
    changed = {path for path in PARAMS if not np.array_equal(found[path], PARAMS[path])}
    assert changed == {"head/kernel"}
    state = optimizer.transformation(1.0, PARAMS).init(PARAMS)
    shapes = sorted(np.shape(leaf) for leaf in jax.tree.leaves(state))
    assert shapes == [(), (5, 3), (5, 3)]


def test_clipping_counts_trained_gradients_only():
    frozen = Optimizer(1.0, optax.identity, clip_norm=1.0, frozen=("blocks",))
    transformation = frozen.transformation(1.0, PARAMS)
    gradients = jax.tree.map(lambda p: 100 * jnp.ones_like(p), PARAMS)
    updates, _ = transformation.update(gradients, transformation.init(PARAMS), PARAMS)
    assert float(optax.tree.norm(updates)) == pytest.approx(1.0, rel=1e-5)


def test_decay_follows_the_patterns():
    rule = optax.set_to_zero
    found = run(Optimizer(1.0, rule, weight_decay=0.5, no_decay=("bias$", "^head/")), [1.0])
    expected = {
        path: value * (1.0 if path.endswith("bias") or path.startswith("head/") else 0.5)
        for path, value in PARAMS.items()
    }
    assert_close(found, expected)


def test_problems_are_named():
    assert Optimizer(0.1, muon, frozen=("head",)).check(PARAMS) == []
    optimizer = Optimizer(0.1, muon, frozen=("haed", "("), no_decay=("bias$", "embedding"))
    lines = [str(problem) for problem in optimizer.check(PARAMS)]
    assert len(lines) == 3
    assert lines[0].startswith("frozen=haed: expected a pattern that matches a parameter")
    assert "head/kernel" in lines[0]
    assert lines[1].startswith("frozen=(: expected a regular expression")
    assert lines[2].startswith("no_decay=embedding: expected")
    (problem,) = Optimizer(0.1, muon, frozen=(".",)).check(PARAMS)
    assert "left to train" in str(problem)


def test_rules_are_values():
    one = Rule.of(partial(optax.scale_by_adam, b1=0.9, b2=0.99))
    assert one == Rule.of(partial(optax.scale_by_adam, b2=0.99, b1=0.9)) == Rule.of(one)
    assert hash(one) == hash(Rule.of(partial(optax.scale_by_adam, b2=0.99, b1=0.9)))
    assert one != Rule.of(optax.scale_by_adam)
    assert hash(Rule.of(partial(muon, adam=["embedding"])))
    assert "scale_by_adam(b1=0.9, b2=0.99)" in repr(one)


@pytest.mark.parametrize(
    ("factory", "reason"),
    [
        (partial(optax.scale_by_adam, 0.9), "by name"),
        (optax.scale_by_adam(), "_partial_: true"),
        (optax.adamw, "it has one"),
        (partial(optax.sgd, learning_rate=0.1), "it has one"),
        (dict, "it returns dict"),
    ],
)
def test_what_is_no_rule(factory, reason):
    with pytest.raises(InvalidConfig, match=f"rule=.*without a learning rate; .*{reason}"):
        Optimizer(0.1, factory)
