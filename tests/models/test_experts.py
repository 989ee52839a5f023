import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.models import Network, Transformer
from framework.models.experts import ExpertOptions, Experts
from framework.models.routing import Routes, balance, places
from tests.models import by_hand
from tests.models.text import VOCABULARY, fields, packed

WIDTH, LENGTH = 4, 12
BATCH = packed((12,), (5, 4), ())


def layer(activation="swiglu", **options):
    chosen = {"count": 4, "chosen": 2, "capacity_factor": 1.0} | options
    chosen = {"load_balancing": 0.5, "router_z_loss": 0.25} | chosen
    return Network.of(
        lambda rngs: Experts(
            WIDTH, 6, activation, ExpertOptions(**chosen), residual_scale=1.0, rngs=rngs
        )
    )


def arrays(net, seed=0):
    generator = np.random.default_rng(seed)
    return {k: generator.normal(0, 0.7, s.shape).astype("f") for k, s in net.shapes.items()}


@pytest.mark.parametrize(
    ("activation", "options", "capacity"),
    [
        ("swiglu", {"count": 4, "chosen": 2, "capacity_factor": 1.0}, 6),
        ("gelu", {"count": 4, "chosen": 1, "capacity_factor": 0.5}, 2),
        ("gelu", {"count": 3, "chosen": 3, "capacity_factor": 0.1}, 2),
        ("swiglu", {"count": 2, "chosen": 2, "capacity_factor": 9.0}, 12),
    ],
)
def test_as_by_hand(activation, options, capacity):
    net = layer(activation, **options)
    params = arrays(net)
    x = np.random.default_rng(1).normal(size=(3, LENGTH, WIDTH)).astype("f")
    segments = BATCH["segments"]

    @jax.jit
    def run(params, x):
        module = net.bind(params, start)
        return module(x, segments > 0, train=True), module.loss[...]

    start = jax.jit(net.initialise)(jax.random.key(0))[1]
    found, loss = run(params, x)
    named = {f"feed_forward/{path}": value for path, value in params.items()}
    rows = [
        by_hand.mixture(named, x[i], segments[i], chosen=options["chosen"], capacity=capacity)
        for i in range(3)
    ]
    for y, (expected, _, _) in zip(found, rows, strict=True):
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-6)
    expected = np.mean([0.5 * even + 0.25 * z for _, even, z in rows])
    assert float(loss) == pytest.approx(expected, rel=1e-4)


give_places = jax.jit(places, static_argnums=1)
route = jax.jit(Routes.of, static_argnums=1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), capacity=st.sampled_from([1, 2, 6]))
def test_places(seed, capacity):
    """No place is given out twice, none of a full expert, none to padding, none out of order."""
    segments = BATCH["segments"]
    logits = np.random.default_rng(seed).normal(size=(3, LENGTH, 3)).astype("f")
    routes = route(logits, 2, segments > 0)
    where = jax.tree.map(np.asarray, give_places(routes, capacity))
    experts = np.asarray(routes.experts).reshape(3, -1)
    present = np.repeat(np.asarray(routes.present), 2, 1)
    for row in range(3):
        taken = where.targets[row][where.found[row]]
        assert len(set(taken)) == len(taken)
        for e in range(3):
            wants = np.flatnonzero((experts[row] == e) & present[row])
            gets = np.flatnonzero(where.found[row] & (experts[row] == e))
            np.testing.assert_array_equal(gets, wants[:capacity])
            np.testing.assert_array_equal(where.sources[row][where.targets[row][gets]], gets // 2)


def test_ties_go_to_the_first_expert_as_with_top_k():
    scores = jnp.round(jax.random.normal(jax.random.key(0), (5, 7, 6)), 0)
    found = Routes.of(scores, 3, None)
    weights, experts = jax.lax.top_k(jax.nn.softmax(scores, -1), 3)
    np.testing.assert_array_equal(found.experts, experts)
    np.testing.assert_allclose(found.weights, weights / weights.sum(-1, keepdims=True), rtol=1e-6)


def test_balance_is_least_where_all_are_even():
    even = Routes.of(jnp.tile(jnp.eye(4) * 5, (1, 3, 1)), 1, None)
    one = Routes.of(jnp.tile(jnp.eye(4)[:1] * 5, (1, 12, 1)), 1, None)
    assert float(balance(even)) == pytest.approx(1, rel=1e-5)
    assert float(balance(one)) > 3


def network(**arguments):
    sizes = {"layers": 2, "width": 8, "heads": 2, "mlp_width": 6, "experts": 4} | arguments
    return Network.of(
        lambda rngs: Transformer(**sizes, inputs=fields(), outputs=VOCABULARY, rngs=rngs)
    )


def test_transformer_as_by_hand_and_its_losses_by_layer():
    net = network(capacity_factor=1.0, load_balancing=1.0)
    params = arrays(net)
    others = jax.jit(net.initialise)(jax.random.key(0))[1]

    @jax.jit
    def run(params, batch):
        model = net.bind(params, others)
        logits = model(batch, train=True)
        return logits, net.unbind(model)[1]

    logits, after = run(params, BATCH)
    assert net.auxiliary == ("blocks/feed_forward/loss",)
    losses = np.zeros(2)
    for row in range(3):
        example = {name: array[row] for name, array in BATCH.items()}
        found = []

        def mixed(p, x, segments=example["segments"], found=found):
            y, even, _ = by_hand.mixture(p, x, segments, chosen=2, capacity=6)
            found.append(even)
            return y

        expected = by_hand.transformer(params, **example, feed_forward=mixed)
        real = example["segments"] > 0
        np.testing.assert_allclose(logits[row][real], expected[real], rtol=1e-3, atol=1e-4)
        losses += np.array(found) / 3
    np.testing.assert_allclose(after["blocks/feed_forward/loss"], losses, rtol=1e-4)
    unchanged = [path for path in others if path not in net.auxiliary]
    assert all(np.array_equal(others[path], after[path]) for path in unchanged)


@settings(max_examples=15, deadline=None)
@given(changed=st.integers(0, 11), shift=st.integers(1, VOCABULARY - 1))
def test_full_experts_do_not_let_the_future_in(tight, changed, shift):
    tokens = BATCH["tokens"].copy()
    tokens[0, changed] = (tokens[0, changed] + shift) % VOCABULARY
    before, after = tight(BATCH), tight(BATCH | {"tokens": tokens})
    np.testing.assert_array_equal(before[0, :changed], after[0, :changed])
    np.testing.assert_array_equal(before[1:], after[1:])


@pytest.fixture(scope="module")
def tight():
    net = network(capacity_factor=0.5)
    params, others = arrays(net), jax.tree.map(lambda s: jnp.zeros(s.shape), net.other_shapes)
    return jax.jit(lambda batch: net.bind(params, others)(batch, train=False))


def test_token_by_token_as_all_at_once_where_there_is_room():
    net = network(capacity_factor=2.0)
    params, others = arrays(net), jax.tree.map(lambda s: jnp.zeros(s.shape), net.other_shapes)
    batch = packed((12,), (12,))
    expected = jax.jit(lambda b: net.bind(params, others)(b, train=False))(batch)
    decode = jax.jit(lambda *arguments: net.bind(params, others).decode(*arguments))
    cache = net.bind(params, others).empty_cache(2, 12, jnp.float32)
    for at in range(12):
        place = slice(at, at + 1)
        logits, cache = decode(batch["tokens"][:, place], batch["positions"][:, place], cache)
        np.testing.assert_allclose(logits[:, 0], expected[:, at], rtol=1e-5, atol=1e-5)


def test_more_experts_for_a_token_than_there_are():
    with pytest.raises(InvalidConfig) as failure:
        network(experts=2, experts_per_token=3)
    assert str(failure.value) == "experts_per_token=3: expected at most experts=2"


def test_router_computes_in_float32():
    net = layer()
    params = {k: jnp.asarray(v, jnp.bfloat16) for k, v in arrays(net).items()}
    start = jax.tree.map(lambda s: jnp.zeros(s.shape), net.other_shapes)
    x = jnp.ones((1, LENGTH, WIDTH), jnp.bfloat16)
    text = str(jax.make_jaxpr(lambda p: net.bind(p, start)(x, None, train=False))(params))
    assert "exp" in text
    assert not [line for line in text.splitlines() if ":bf16" in line and "= exp " in line]
    module = net.bind(params, start)
    assert module(x, None, train=True).dtype == jnp.bfloat16
    assert module.loss[...].dtype == jnp.float32
