"""The loop by hand and the framework are the same model, the same training and the same data."""

from collections import Counter
from dataclasses import replace

import by_hand
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from language_model import TINY, as_by_hand, files_of_splits, recipe_of, size_of, some_text
from rounds import compose

from framework.data import training_batches
from framework.parallel import build_mesh
from framework.train import assemble

STEPS = 5
logits = jax.jit(by_hand.logits, static_argnums=2)
initialise = jax.jit(by_hand.initialise, static_argnums=1)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    return some_text(tmp_path_factory.mktemp("texts") / "words")


@pytest.fixture(scope="module")
def settings(texts):
    return compose([
        "experiment=shakespeare", f"data.path={texts}", "mesh=single", *TINY,
        "model.layers=3", f"trainer.steps={STEPS}", "schedule.warmup=2",
    ])  # fmt: skip


@pytest.fixture(scope="module")
def experiment(settings):
    return assemble(settings)


@pytest.fixture(scope="module")
def program(experiment):
    return experiment.program(experiment.network(), build_mesh(experiment.mesh))


@pytest.fixture(scope="module")
def state(program, experiment):
    return program.initial_state(experiment.values(), 0)


@pytest.fixture(scope="module")
def batches(experiment):
    stream = training_batches(experiment.data, seed=0)
    return [next(stream) for _ in range(STEPS)]


def test_the_same_logits(program, state, settings, experiment):
    source = experiment.data.splits["train"]
    inputs = source.gather(np.arange(len(source))[-4:])["inputs"]  # remainders share rows
    assert inputs["segments"].max() > 1, "rows of several documents"
    random = np.random.default_rng(0)
    params = {
        path: jnp.asarray(value + random.normal(0, 0.1, value.shape), jnp.float32)
        for path, value in state.params.items()
    }
    ours = jax.jit(
        lambda p: program.network.bind(p, state.model_state)(inputs, train=False)
    )(params)  # fmt: skip
    theirs = logits(as_by_hand(params), inputs, size_of(settings))
    real = inputs["segments"] > 0
    assert np.abs(ours[real]).max() > 1
    np.testing.assert_allclose(ours[real], theirs[real], rtol=1e-5, atol=1e-5)


def test_the_same_training(program, state, settings, batches):
    training = by_hand.Training(size_of(settings), recipe_of(settings))
    theirs, step = training.begin(as_by_hand(state.params)), jax.jit(program.step)
    for batch in batches:
        state, ours = step(state, batch)
        theirs, others = training.step(theirs, (batch["inputs"], batch["labels"]))
        for name, value in others.items():
            np.testing.assert_allclose(ours[name], value, rtol=1e-4, err_msg=name)
    last = as_by_hand(state.params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), last, theirs.params)


def test_the_same_random_start(settings, experiment):
    size = by_hand.Size(layers=3, width=64, heads=4, mlp=128)
    wider = compose([
        "experiment=shakespeare", f"data.path={settings['data']['path']}", "model.layers=3",
        "model.width=64", "model.mlp_width=128",
    ])  # fmt: skip
    network = replace(experiment, model=assemble(wider).model).network()
    ours = as_by_hand(jax.jit(network.initialise)(jax.random.key(1))[0])
    theirs = initialise(jax.random.key(2), size)

    def alike(a, b):
        a, b = np.asarray(a), np.asarray(b)
        assert a.shape == b.shape
        # Five standard errors of the deviation of so many normal numbers; scales are all 1.
        assert a.std() == pytest.approx(b.std(), rel=5 / a.size**0.5)
        assert a.mean() == pytest.approx(b.mean(), abs=8 * float(a.std()) / a.size**0.5)

    jax.tree.map(alike, ours, theirs)


def test_the_same_documents_in_each_split(experiment, settings, texts):
    length = settings["data"]["sequence_length"]
    splits = files_of_splits(experiment.data, texts)
    assert sorted(f for files in splits.values() for f in files) == sorted(texts.iterdir())
    for name, files in splits.items():
        source = experiment.data.splits[name]
        ours = source.gather(np.arange(len(source)))
        theirs = by_hand.packed(files, length)
        inputs, labels = by_hand.taken(theirs, np.arange(len(theirs["labels"])))
        assert pieces(ours["inputs"], ours["labels"]) == pieces(inputs, labels)


def pieces(inputs, labels):
    """How often each piece of text is to be predicted, wherever it stands."""
    found = Counter()
    for row in range(len(labels)):
        segments = inputs["segments"][row]
        for number in range(1, segments.max() + 1):
            chosen = segments == number
            assert (inputs["positions"][row, chosen] == np.arange(chosen.sum())).all()
            found[bytes(inputs["tokens"][row, chosen]), bytes(labels[row, chosen])] += 1
        assert (labels[row, segments == 0] == -1).all()
    return found


def test_evaluation_is_the_mean_over_tokens(settings, texts):
    size, recipe = size_of(settings), recipe_of(settings)
    training = by_hand.Training(size, recipe)
    params = initialise(jax.random.key(0), size)
    rows = by_hand.packed(sorted(texts.iterdir())[:2], 32)
    assert len(rows["labels"]) % recipe.batch, "a last batch that is filled up"
    inputs, labels = by_hand.taken(rows, np.arange(len(rows["labels"])))
    scores = logits(params, inputs, size)
    chances = np.asarray(jax.nn.log_softmax(scores))
    nats = [-chances[place][label] for place, label in np.ndenumerate(labels) if label >= 0]
    assert training.evaluate(params, rows) == pytest.approx(np.mean(nats), rel=1e-5)


def test_training_learns(texts):
    files = sorted(texts.iterdir())
    size = by_hand.Size(layers=1, width=32, heads=2, mlp=64)
    recipe = by_hand.Recipe(steps=30, batch=8, warmup=3)
    curve, validation = by_hand.train(
        files[:-2], files[-2:], recipe, size=size, length=32, log_every=10, evaluate_every=20
    )
    assert [step for step, _ in curve] == [10, 20, 30]
    assert [step for step, _ in validation] == [20, 30]
    # Random letters, and a space after four of them: four fifths of ln 26 is all there is to know.
    assert curve[0][1] > curve[-1][1]
    assert 0.8 * np.log(26) < validation[-1][1] < validation[0][1] < np.log(257)
