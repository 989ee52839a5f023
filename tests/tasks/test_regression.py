import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error

from framework.spec import Field, Labels, Spec
from framework.tasks import Regression

SPEC = Spec(Field((2,), "float32"), Labels("number", ("price", "rent")))
GENERATOR = np.random.default_rng(0)
OUTPUTS = GENERATOR.normal(0, 2, (30, 2)).astype(np.float32)
LABELS = GENERATOR.normal(0, 2, (30, 2)).astype(np.float32)


def loss(task, labels=LABELS):
    value, extra = task.loss(jnp.asarray(OUTPUTS), {"labels": jnp.asarray(labels)})
    assert value.shape == extra["mean_absolute_error"].shape == (30,)
    assert value.dtype == jnp.float32
    return np.asarray(value), np.asarray(extra["mean_absolute_error"])


def test_agrees_with_scikit_learn():
    squared, absolute = loss(Regression())
    assert squared.mean() == pytest.approx(mean_squared_error(LABELS, OUTPUTS), rel=1e-5)
    assert absolute.mean() == pytest.approx(mean_absolute_error(LABELS, OUTPUTS), rel=1e-5)
    np.testing.assert_array_equal(loss(Regression("absolute"))[0], absolute)


@pytest.mark.parametrize("delta", [0.3, 1.0])
def test_huber_by_hand(delta):
    value, _ = loss(Regression("huber", delta=delta))
    error = np.abs(np.float64(OUTPUTS) - LABELS)
    expected = np.where(error <= delta, error**2 / 2, delta * (error - delta / 2)).mean(1)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("error", ["squared", "absolute", "huber"])
@pytest.mark.parametrize(("offset", "scale"), [(100.0, 20.0), ((100.0, -3.0), (20.0, 0.5))])
def test_standardised_targets(error, offset, scale):
    task = Regression(error, offset, scale)
    labels = LABELS * np.float32(scale) + np.float32(offset)
    value, absolute = loss(task, labels)
    plain, plain_absolute = loss(Regression(error))
    np.testing.assert_allclose(value, plain, rtol=1e-3, atol=1e-4)
    predictions = task.predict(jnp.asarray(OUTPUTS), {})["predictions"]
    np.testing.assert_allclose(predictions, OUTPUTS * np.array(scale) + np.array(offset), rtol=1e-5)
    np.testing.assert_allclose(absolute, np.abs(predictions - labels).mean(1), rtol=1e-3)
    assert plain_absolute.shape == absolute.shape


def test_values_are_leaves_of_one_program():
    @jax.jit
    def mean(task):
        return task.loss(OUTPUTS, {"labels": LABELS})[0].mean()

    for delta in (0.5, 1.0):
        task = Regression("huber", delta=delta)
        found = mean(jax.tree.map(jnp.float32, task))
        assert float(found) == pytest.approx(float(loss(task)[0].mean()), rel=1e-6)
    assert mean._cache_size() == 1


def test_metric_names_are_those_of_the_metrics():
    task = Regression()
    metrics = task.metrics({"predictions": OUTPUTS}, LABELS, SPEC)
    assert set(metrics) <= set(task.metric_names(SPEC))
    assert metrics["mean_absolute_error"] == pytest.approx(
        mean_absolute_error(LABELS, OUTPUTS), rel=1e-5
    )
    assert task.outputs(SPEC) == 2


def test_labels_and_lengths_that_do_not_fit():
    classes = Spec(SPEC.inputs, Labels("class", ("a", "b")))
    assert [str(p) for p in Regression().check(classes)] == [
        "_target_=framework.tasks.Regression: expected a task for labels of kind class; "
        "choose task=classification"
    ]
    several = Spec(SPEC.inputs, Labels("multi_label", ("a", "b")))
    assert "task=multi_label" in str(Regression().check(several)[0])
    assert Regression().check(SPEC) == []
    problems = Regression(offset=(1.0,), scale=(1.0, 2.0, 3.0)).check(SPEC)
    assert [p.key for p in problems] == ["offset", "scale"]
