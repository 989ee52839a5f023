import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import log_loss

from framework.spec import Field, Labels, Spec
from framework.tasks import Classification

NAMES = ("cat", "dog", "fox")
INPUTS = Field((2,), "float32")
CLASSES = Spec(INPUTS, Labels("class", NAMES))
MANY = Spec(INPUTS, Labels("multi_label", NAMES))
GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(0, 3, (40, 3)).astype(np.float32)
LABELS = GENERATOR.integers(0, 3, 40).astype(np.int32)
SOFT = GENERATOR.dirichlet(np.ones(3), 40).astype(np.float32)
SEVERAL = GENERATOR.integers(0, 2, (40, 3)).astype(np.float32)


def softmax(logits):
    raised = np.exp(np.float64(logits) - logits.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.float64(logits)))


def loss(task, labels, logits=LOGITS):
    value, extra = task.loss(jnp.asarray(logits), {"labels": jnp.asarray(labels)})
    assert value.shape == (len(logits),)
    assert value.dtype == jnp.float32
    return np.asarray(value), {k: np.asarray(v) for k, v in extra.items()}


def test_agrees_with_scikit_learn():
    value, extra = loss(Classification(), LABELS)
    assert value.mean() == pytest.approx(log_loss(LABELS, softmax(LOGITS)), rel=1e-5)
    np.testing.assert_array_equal(extra["accuracy"], LOGITS.argmax(1) == LABELS)


def test_binary_is_two_classes():
    two, labels = LOGITS[:, :2], LABELS % 2
    value, _ = loss(Classification(), labels, two)
    probability = sigmoid(two[:, 1] - two[:, 0])
    assert value.mean() == pytest.approx(log_loss(labels, probability), rel=1e-5)


@pytest.mark.parametrize("labels", [LABELS, SOFT], ids=["classes", "soft"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weights", [None, (1.0, 0.5, 3.0)])
def test_by_hand(labels, smoothing, weights):
    value, extra = loss(Classification("multi_class", smoothing, weights), labels)
    target = np.eye(3)[labels] if labels.ndim == 1 else labels
    target = (1 - smoothing) * target + smoothing / 3
    expected = -(np.array(weights or (1, 1, 1)) * target * np.log(softmax(LOGITS))).sum(1)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    if labels.ndim == 2:
        np.testing.assert_array_equal(extra["accuracy"], LOGITS.argmax(1) == SOFT.argmax(1))


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("weights", [None, (1.0, 0.5, 3.0)])
def test_multi_label_by_hand(smoothing, weights):
    value, extra = loss(Classification("multi_label", smoothing, weights), SEVERAL)
    target = (1 - smoothing) * SEVERAL + smoothing / 2
    p = sigmoid(LOGITS)
    each = -target * np.log(p) - (1 - target) * np.log(1 - p)
    expected = (np.array(weights or (1, 1, 1)) * each).mean(1)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(extra["accuracy"], ((LOGITS > 0) == SEVERAL).mean(1), rtol=1e-6)


@pytest.mark.parametrize("kind", ["multi_class", "multi_label"])
def test_finite_for_huge_logits_and_bfloat16(kind):
    task = Classification(kind)
    logits = jnp.asarray([[3e4, -3e4, 0.0]], jnp.bfloat16)
    batch = {"labels": jnp.asarray([[0.0, 1.0, 0.0]])}
    value, _ = task.loss(logits, batch)
    gradient = jax.grad(lambda x: task.loss(x, batch)[0].sum())(logits.astype(jnp.float32))
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()
    assert value.dtype == task.predict(logits, {})["probabilities"].dtype == jnp.float32


def test_predictions():
    found = Classification().predict(jnp.asarray(LOGITS), {})["probabilities"]
    np.testing.assert_allclose(found, softmax(LOGITS), rtol=1e-5)
    found = Classification("multi_label").predict(jnp.asarray(LOGITS), {})["probabilities"]
    np.testing.assert_allclose(found, sigmoid(LOGITS), rtol=1e-5)


def test_values_are_leaves_of_one_program():
    @jax.jit
    def mean(task, logits):
        return task.loss(logits, {"labels": LABELS})[0].mean()

    for smoothing, weights in ((0.0, (1.0, 1.0, 1.0)), (0.1, (1.0, 2.0, 3.0))):
        task = Classification("multi_class", smoothing, weights)
        found = mean(jax.tree.map(jnp.float32, task), LOGITS)
        assert float(found) == pytest.approx(float(loss(task, LABELS)[0].mean()), rel=1e-6)
    assert mean._cache_size() == 1
    assert len(jax.tree.leaves(task)) == 4


@pytest.mark.parametrize(("kind", "spec"), [("multi_class", CLASSES), ("multi_label", MANY)])
def test_metric_names_are_those_of_the_metrics(kind, spec):
    task = Classification(kind)
    labels = LABELS if kind == "multi_class" else SEVERAL
    predictions = {
        "probabilities": np.asarray(task.predict(jnp.asarray(LOGITS), {})["probabilities"])
    }
    metrics = task.metrics(predictions, labels, spec)
    assert set(metrics) <= set(task.metric_names(spec))
    assert metrics["log_loss"] == pytest.approx(float(loss(task, labels)[0].mean()), rel=1e-4)
    assert task.outputs(spec) == 3
    assert task.check(spec) == []


def test_labels_that_do_not_fit():
    (problem,) = Classification("multi_label").check(CLASSES)
    assert str(problem) == (
        "kind=multi_label: expected a task for labels of kind class; choose task=classification"
    )
    (problem,) = Classification().check(Spec(INPUTS, Labels("number", ("price",))))
    assert problem.hint == "choose task=regression"
    (problem,) = Classification(class_weights=(1.0, 2.0)).check(CLASSES)
    assert problem.key == "class_weights"
    assert "each of the 3 classes" in str(problem)
    assert "cat, dog, fox" in str(problem)
