"""The loss of a student, against formulas written in NumPy."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, softmax

from framework.spec import Field, Labels, Spec
from framework.tasks import Classification, Distillation, Regression
from tests.train.parts import said

CLASSES = 5
LOGITS = arrays(np.float32, (6, CLASSES), elements=st.floats(-8, 8, width=32))
LABELS = np.array([0, 1, 2, 3, 4, 0], np.int32)
INPUTS = Field((2,), "float32")
LOSS = jax.jit(lambda own, outputs, batch: own.loss(outputs, batch))
GRADIENT = jax.jit(jax.grad(lambda own, outputs, batch: own.loss(outputs, batch)[0].sum(), 1))


def batch(teacher: np.ndarray) -> dict[str, jax.Array]:
    return {"labels": jnp.asarray(LABELS), "teacher": jnp.asarray(teacher)}


def task(**changes: float) -> Distillation:
    return Distillation(Classification(), **changes)


@settings(deadline=None, max_examples=50)
@given(student=LOGITS, teacher=LOGITS, temperature=st.floats(0.5, 20), share=st.floats(0, 1))
def test_the_loss_is_hintons(
    student: np.ndarray, teacher: np.ndarray, temperature: float, share: float
) -> None:
    own = task(temperature=temperature, hard_weight=share)
    found, parts = LOSS(own, student, batch(log_softmax(teacher, axis=1)))
    given_, wanted = np.float64(student) / temperature, np.float64(teacher) / temperature
    divergence = softmax(wanted, 1) * (log_softmax(wanted, 1) - log_softmax(given_, 1))
    soft = temperature**2 * divergence.sum(1)
    hard = -log_softmax(np.float64(student), 1)[np.arange(6), LABELS]
    tolerance = {"rtol": 2e-4, "atol": 2e-4 * max(1, temperature**2)}
    np.testing.assert_allclose(found, share * hard + (1 - share) * soft, **tolerance)
    np.testing.assert_allclose(parts["teacher_loss"], soft, **tolerance)
    np.testing.assert_allclose(parts["hard_loss"], hard, rtol=1e-4, atol=1e-4)


@settings(deadline=None, max_examples=50)
@given(student=LOGITS, teacher=LOGITS, temperature=st.floats(0.5, 20))
def test_its_gradient_is_the_difference_of_the_softened_probabilities(
    student: np.ndarray, teacher: np.ndarray, temperature: float
) -> None:
    own = task(temperature=temperature, hard_weight=0.0)
    gradient = GRADIENT(own, student, batch(teacher))
    expected = temperature * (
        softmax(np.float64(student) / temperature, 1)
        - softmax(np.float64(teacher) / temperature, 1)
    )
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * max(1, temperature))


@settings(deadline=None, max_examples=50)
@given(student=LOGITS, teacher=LOGITS)
def test_at_a_high_temperature_it_matches_centred_logits(
    student: np.ndarray, teacher: np.ndarray
) -> None:
    # Section 2.1 of the paper: the gradient tends to (z − v) / classes, both of mean 0.
    own = task(temperature=1000.0, hard_weight=0.0)
    gradient = GRADIENT(own, student, batch(teacher))
    centred = [
        np.float64(a) - a.mean(1, keepdims=True, dtype=np.float64) for a in (student, teacher)
    ]
    np.testing.assert_allclose(gradient, (centred[0] - centred[1]) / CLASSES, atol=0.05)


@settings(deadline=None, max_examples=50)
@given(student=LOGITS)
def test_a_student_that_says_what_the_teacher_says_has_nothing_to_learn(
    student: np.ndarray,
) -> None:
    own = task(hard_weight=0.0)
    same = batch(log_softmax(student, axis=1))
    np.testing.assert_allclose(LOSS(own, student, same)[0], 0, atol=1e-3)
    np.testing.assert_allclose(GRADIENT(own, student, same), 0, atol=1e-4)


def test_without_a_teacher_it_is_the_task_of_the_labels() -> None:
    logits = jnp.asarray(np.random.default_rng(0).normal(size=(6, CLASSES)), jnp.float32)
    hard = Classification(label_smoothing=0.1)
    own, labels = Distillation(hard), {"labels": jnp.asarray(LABELS)}
    found, parts = own.loss(logits, labels)
    np.testing.assert_array_equal(found, hard.loss(logits, labels)[0])
    assert set(parts) == {"accuracy"}
    np.testing.assert_array_equal(
        own.predict(logits, labels)["probabilities"], hard.predict(logits, labels)["probabilities"]
    )


def test_numbers_are_learnt_from_predictions_in_the_labels_units() -> None:
    own = Distillation(Regression(offset=10.0, scale=2.0), hard_weight=0.25)
    labels, teacher = jnp.array([[12.0], [8.0]]), jnp.array([[11.0], [9.0]])
    found, _ = own.loss(jnp.array([[1.0], [0.0]]), {"labels": labels, "teacher": teacher})
    np.testing.assert_allclose(found, [0.25 * 0 + 0.75 * 0.25, 0.25 * 1 + 0.75 * 0.25])


def test_other_numbers_compile_nothing_anew() -> None:
    traces = 0

    @jax.jit
    def loss(own: Distillation, logits: jax.Array) -> jax.Array:
        nonlocal traces
        traces += 1
        return own.loss(logits, batch(np.zeros((6, CLASSES), np.float32)))[0]

    logits = jnp.ones((6, CLASSES)).at[:, 0].set(3.0)
    first = loss(task(temperature=2.0, hard_weight=0.1), logits)
    assert not np.allclose(first, loss(task(temperature=8.0, hard_weight=0.5), logits))
    assert traces == 1


@pytest.mark.parametrize(
    ("own", "kind", "line"),
    [
        (task(), "token", "choose task=language_modeling and no teacher"),
        (task(), "multi_label", "choose task=multi_label and no teacher"),
        (task(), "number", "choose task@task.hard=regression"),
        (Distillation(Regression()), "class", "choose task@task.hard=classification"),
    ],
)
def test_labels_that_it_is_not_for(own: Distillation, kind: str, line: str) -> None:
    (problem,) = said(own.check(Spec(INPUTS, Labels(kind, ("a", "b")))))  # type: ignore[arg-type]
    assert problem.endswith(line)


def test_what_the_task_of_the_labels_objects_to() -> None:
    own = Distillation(replace(Classification(), class_weights=(1.0,)))
    (problem,) = said(own.check(Spec(INPUTS, Labels("class", ("a", "b")))))
    assert problem.startswith("hard.class_weights=[1.0]: expected a weight for each of the 2")
