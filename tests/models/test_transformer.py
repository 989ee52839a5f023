import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.models import Network, Transformer
from framework.spec import Field
from tests.models import by_hand
from tests.models.text import VOCABULARY, fields, packed

SMALL = {"layers": 3, "width": 8, "heads": 4, "mlp_width": 12}
BATCH = packed((12,), (5, 4), (3, 3, 6))


def network(**arguments):
    settings = SMALL | arguments
    return Network.of(
        lambda rngs: Transformer(**settings, inputs=fields(), outputs=VOCABULARY, rngs=rngs)
    )


def random_arrays(net, seed=0):
    generator = np.random.default_rng(seed)
    params = {
        path: generator.normal(0.1, 0.4, s.shape).astype(np.float32)
        for path, s in net.shapes.items()
    }
    return params, jax.tree.map(lambda s: jnp.full(s.shape, 0.5, s.dtype), net.other_shapes)


def apply(net, params, batch, *, train=False, others=None, seed=0):
    model = net.bind(params, others or {})
    return model(batch, train=train, rngs=nnx.Rngs(dropout=jax.random.key(seed)))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"kv_heads": 2, "activation": "gelu"},
        {"kv_heads": 1, "head_dim": 6, "tied": False},
        {"logit_cap": 2.0, "rope_base": 100.0, "layers": 1, "unroll": 5},
    ],
)
def test_as_by_hand(arguments):
    net = network(**arguments)
    params, _ = random_arrays(net)
    found = jax.jit(lambda p, b: apply(net, p, b))(params, BATCH)
    options = {"base": arguments.get("rope_base", 10_000.0), "cap": arguments.get("logit_cap")}
    for row in range(3):
        example = {name: array[row] for name, array in BATCH.items()}
        expected = by_hand.transformer(params, **example, **options)
        real = example["segments"] > 0
        np.testing.assert_allclose(found[row][real], expected[real], rtol=2e-4, atol=2e-5)


@pytest.fixture(scope="module")
def evaluate():
    net = network(kv_heads=2)
    params, _ = random_arrays(net)
    return jax.jit(lambda batch: apply(net, params, batch))


@settings(max_examples=25, deadline=None)
@given(changed=st.integers(0, 11), token=st.integers(0, VOCABULARY - 1), row=st.integers(0, 2))
def test_neither_the_future_nor_other_segments_are_seen(evaluate, changed, token, row):
    tokens = BATCH["tokens"].copy()
    tokens[row, changed] = (tokens[row, changed] + 1 + token % (VOCABULARY - 1)) % VOCABULARY
    before, after = evaluate(BATCH), evaluate(BATCH | {"tokens": tokens})
    segments = BATCH["segments"]
    sees = np.zeros(segments.shape, bool)
    sees[row] = (segments[row] == segments[row, changed]) & (np.arange(12) >= changed)
    np.testing.assert_array_equal(before[~sees], after[~sees])
    assert not np.array_equal(before[row, changed], after[row, changed])


def test_a_segment_does_not_depend_on_its_place(evaluate):
    alone, second = packed((4,), (12,), (12,)), packed((5, 4), (12,), (12,))
    second["tokens"][0, 5:9] = alone["tokens"][0, :4]
    np.testing.assert_allclose(
        evaluate(alone)[0, :4], evaluate(second)[0, 5:9], rtol=1e-5, atol=1e-6
    )


def gradient(**arguments):
    net = network(dropout=0.3, **arguments)
    params, others = random_arrays(net)

    def loss(params):
        return jnp.square(apply(net, params, BATCH, train=True, others=others)).mean()

    return jax.jit(jax.value_and_grad(loss))(params)


@pytest.fixture(scope="module")
def plain():
    return gradient(remat="none")


@pytest.mark.parametrize(
    ("remat", "unroll"), [("full", 1), ("dots", 2), ("dots_no_batch", "all"), ("full", "all")]
)
def test_storage_and_unrolling_change_no_number(plain, remat, unroll):
    other = gradient(remat=remat, unroll=unroll)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), plain, other)


def test_rematerialisation_stores_less():
    def stored(remat):
        net = network(remat=remat)
        params, _ = random_arrays(net)
        _, backward = jax.eval_shape(
            lambda p: jax.vjp(lambda p: apply(net, p, BATCH, train=True), p), params
        )
        return sum(leaf.size for leaf in jax.tree.leaves(backward))

    assert stored("full") < stored("dots_no_batch") < stored("dots") < stored("none")


def test_dropout_differs_between_layers_and_keys():
    net = network(dropout=0.5)
    params, others = random_arrays(net)
    run = jax.jit(lambda key: apply(net, params, BATCH, train=True, others=others, seed=key))
    first, again, other = (np.asarray(run(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_start():
    net = network(layers=8, width=64)
    params, _ = jax.jit(net.initialise)(jax.random.key(0))
    blocks = [params[f"blocks/{name}/kernel"] for name in ("attention/output", "feed_forward/down")]
    for kernel in blocks:
        fan_in = kernel[0].size / 64
        assert np.std(kernel) == pytest.approx(1 / np.sqrt(2 * 8 * fan_in), rel=0.05)
        assert not np.allclose(kernel[0], kernel[1])
    logits = jax.jit(lambda p: apply(net, p, BATCH))(params)
    assert float(jnp.abs(jax.nn.logsumexp(logits, -1) - np.log(VOCABULARY)).max()) < 0.2


@pytest.mark.parametrize("tied", [True, False])
def test_as_many_parameters_as_gpt2(tied):
    gpt2 = {"layers": 12, "width": 768, "heads": 12, "activation": "gelu", "tied": tied}
    vocabulary = 50_257
    net = Network.of(
        lambda r: Transformer(**gpt2, inputs=fields(1024, vocabulary), outputs=vocabulary, rngs=r)
    )
    embedding, block = vocabulary * 768, 12 * 768**2
    norms = 25 * 768
    assert (
        sum(s.size for s in net.shapes.values())
        == embedding * (1 if tied else 2) + 12 * block + norms
    )


@settings(max_examples=10, deadline=None)
@given(
    cut=st.integers(1, 11),
    short=st.integers(1, 11),
)
def test_token_by_token_as_all_at_once(decoding, cut, short):
    """A prompt of `cut` places, of which the second row uses only as many as `short`."""
    whole, decode, empty = decoding
    batch = packed((12,), (12,), seed=cut)
    expected = whole(batch)
    starts = np.array([cut, min(cut, short)])
    cache = jax.tree.map(jnp.copy, empty)
    width = 12  # one program for every length of prompt: filled up behind it
    logits, cache = decode(
        batch["tokens"] * (np.arange(width) < starts[:, None]), batch["positions"], cache
    )
    for row in range(2):
        real = np.arange(width) < starts[row]
        np.testing.assert_allclose(logits[row][real], expected[row][real], rtol=1e-5, atol=1e-5)
    while (starts < 12).any():
        at = np.minimum(starts, 11)[:, None].astype(np.int32)
        logits, cache = decode(np.take_along_axis(batch["tokens"], at, 1), at, cache)
        for row in range(2):
            np.testing.assert_allclose(
                logits[row, 0], expected[row, at[row, 0]], rtol=1e-5, atol=1e-5
            )
        starts = starts + 1


@pytest.fixture(scope="module")
def decoding():
    net = network(kv_heads=2, logit_cap=5.0)
    params = jax.tree.map(lambda a: a / 2, random_arrays(net)[0])
    whole = jax.jit(lambda batch: apply(net, params, batch))
    decode = jax.jit(lambda *arguments: net.bind(params, {}).decode(*arguments))
    empty = net.bind(params, {}).empty_cache(2, 12, jnp.float32)
    assert {array.shape for array in empty.values()} == {(3, 2, 12, 2, 2)}
    return whole, decode, empty


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"heads": 3}, "width=8: expected a multiple of heads=3"),
        ({"kv_heads": 3}, "kv_heads=3: expected a divisor of heads=4"),
        ({"heads": 8}, "heads=8: expected heads of an even width"),
        ({"head_dim": 3}, "head_dim=3: expected heads of an even width"),
    ],
)
def test_sizes_that_do_not_fit(arguments, line):
    with pytest.raises(InvalidConfig) as failure:
        network(**arguments)
    assert str(failure.value).startswith(line)


@pytest.mark.parametrize(
    "inputs",
    [
        Field((8, 8, 1), "float32"),
        Field((3,), "int32", vocabulary=(2, 3, 4)),
        {"numeric": Field((2,), "float32")},
    ],
)
def test_only_text(inputs):
    with pytest.raises(InvalidConfig, match=r"expected sequences of tokens.*choose data of text"):
        Transformer(inputs=inputs, outputs=3, rngs=nnx.Rngs(0))


def test_outputs_are_the_vocabulary():
    with pytest.raises(InvalidConfig, match=r"outputs=3: expected as many outputs as .* 11"):
        Transformer(inputs=fields(), outputs=3, rngs=nnx.Rngs(0))
