import jax
import jax.numpy as jnp
import numpy as np
import pytest

from framework.spec import Field, Labels, Spec
from framework.tasks import LanguageModeling

RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(2, 4, 5)).astype(np.float32)
LABELS = np.array([[1, 4, 0, -1], [2, -1, -1, -1]], np.int32)
BATCH = {"labels": LABELS, "bytes": np.array([6, 2], np.int32)}
SPEC = Spec({"tokens": Field((4,), "int32", (5,))}, Labels("token", (), 5))


def mean_loss(task):
    losses, metrics = task.loss(jnp.asarray(LOGITS), BATCH)
    weights = task.weights(BATCH)
    return (losses * weights).sum() / weights.sum(), metrics


def test_the_loss_is_the_cross_entropy_of_the_tokens_that_have_a_next_one():
    p = np.exp(LOGITS) / np.exp(LOGITS).sum(-1, keepdims=True)
    expected = [-np.log(p[r, c, LABELS[r, c]]) for r, c in np.argwhere(LABELS >= 0)]
    assert mean_loss(LanguageModeling())[0] == pytest.approx(np.mean(expected), rel=1e-6)


def test_z_loss_is_added_to_the_loss_and_not_to_what_is_logged():
    plain, metrics = mean_loss(LanguageModeling())
    with_z, same = mean_loss(LanguageModeling(z_loss=0.1))
    square = np.log(np.exp(LOGITS).sum(-1))[LABELS >= 0] ** 2
    assert with_z - plain == pytest.approx(0.1 * square.mean(), rel=1e-5)
    np.testing.assert_array_equal(metrics["log_loss"], same["log_loss"])


def test_padding_moves_no_gradient():
    def loss(logits):
        losses, _ = LanguageModeling().loss(logits, BATCH)
        return (losses * LanguageModeling().weights(BATCH)).sum()

    gradient = np.asarray(jax.grad(loss)(jnp.asarray(LOGITS)))
    assert not gradient[LABELS < 0].any()
    assert gradient[LABELS >= 0].any(-1).all()


def test_what_evaluation_keeps_gives_the_loss_again():
    task = LanguageModeling()
    predictions = {n: np.asarray(a) for n, a in task.predict(jnp.asarray(LOGITS), BATCH).items()}
    found = task.metrics(predictions, LABELS, SPEC)
    assert found["log_loss"] == pytest.approx(float(mean_loss(task)[0]), rel=1e-6)
    assert found["bits_per_byte"] == pytest.approx(found["log_loss"] * 4 / 8 / np.log(2))
    assert set(found) == set(task.metric_names(SPEC))


def test_other_labels_are_refused_with_the_data_to_choose():
    (problem,) = LanguageModeling().check(Spec(Field((8, 8), "float32"), Labels("class", ("a",))))
    assert "data=text" in str(problem)
    assert LanguageModeling().check(SPEC) == []
    assert LanguageModeling().outputs(SPEC) == 5
