import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from framework.stats import (
    classification_metric_names,
    classification_metrics,
    confusion_matrix,
    per_class,
)


def random_case(seed, examples, classes, tied=False):
    rng = np.random.default_rng(seed)
    raw = rng.integers(1, 4, (examples, classes)) if tied else rng.random((examples, classes))
    return raw / raw.sum(axis=1, keepdims=True), rng.integers(0, classes, examples)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 40), st.integers(2, 8), st.booleans())
def test_agrees_with_scikit_learn(seed, examples, classes, tied):
    p, y = random_case(seed, examples, classes, tied)
    ours = classification_metrics(p, y)
    guess, every = p.argmax(axis=1), range(classes)
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(y, guess))
    assert ours["log_loss"] == pytest.approx(sk.log_loss(y, p, labels=every))
    assert ours["brier_score"] == pytest.approx(
        np.mean(np.sum((p - np.eye(classes)[y]) ** 2, axis=1))
    )
    for name, score in (
        ("macro_precision", sk.precision_score),
        ("macro_recall", sk.recall_score),
        ("macro_f1", sk.f1_score),
    ):
        assert ours[name] == pytest.approx(score(y, guess, average="macro", zero_division=0))
    np.testing.assert_array_equal(
        confusion_matrix(y, guess, classes), sk.confusion_matrix(y, guess, labels=every)
    )
    if classes == 2 and len(set(y)) == 2:
        assert ours["area_under_roc"] == pytest.approx(sk.roc_auc_score(y, p[:, 1]))
    if classes > 5 and not tied:
        top = sk.top_k_accuracy_score(y, p, k=5, labels=every)
        assert ours["top_5_accuracy"] == pytest.approx(top)


@given(st.integers(0, 9999), st.integers(2, 7))
def test_names_are_known_before_a_number_is(seed, classes):
    p, y = random_case(seed, 6, classes)
    names = tuple(f"class {i}" for i in range(classes))
    assert tuple(classification_metrics(p, y, names)) == classification_metric_names(names)


@given(st.integers(0, 9999))
def test_one_hot_soft_labels_give_what_classes_give(seed):
    p, y = random_case(seed, 20, 4)
    soft = np.eye(4, dtype=np.float32)[y]
    assert classification_metrics(p, soft) == classification_metrics(p, y.astype(np.int32))


def test_soft_labels_by_hand():
    ours = classification_metrics([[0.8, 0.2]], np.array([[0.6, 0.4]], np.float32))
    assert ours["log_loss"] == pytest.approx(-0.6 * np.log(0.8) - 0.4 * np.log(0.2), rel=1e-6)
    assert ours["brier_score"] == pytest.approx(2 * 0.2**2, rel=1e-6)
    assert ours["accuracy"] == 1


def test_of_equal_probabilities_the_first_is_the_prediction_at_any_depth():
    p = np.full((7, 7), 1 / 7)
    ours = classification_metrics(p, np.arange(7))
    assert ours["accuracy"] == pytest.approx(1 / 7)
    assert ours["top_5_accuracy"] == pytest.approx(5 / 7)


def test_a_class_without_examples_or_predictions_is_not_defined_and_macro_says_so():
    # Class a is right twice and wrong once, b is never predicted, c never seen nor predicted.
    p = np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.7, 0.3, 0]])
    ours = classification_metrics(p, np.array([0, 0, 1]), ("a", "b", "c"))
    assert ours["precision/a"] == pytest.approx(2 / 3)
    assert np.isnan(ours["precision/b"])
    assert ours["recall/b"] == 0
    assert np.isnan(ours["recall/c"])
    assert ours["macro_recall"] == pytest.approx(1 / 2)  # over a and b
    assert ours["macro_precision"] == pytest.approx(1 / 3)


def test_one_class_only():
    ours = classification_metrics([[0.9, 0.1], [0.6, 0.4]], [0, 0])
    assert ours["accuracy"] == ours["macro_recall"] == 1
    assert np.isnan(ours["area_under_roc"])


def test_a_certain_wrong_answer_costs_a_finite_log_loss():
    wide = classification_metrics([[1.0, 0.0]], [1])["log_loss"]
    narrow = classification_metrics(np.array([[1, 0]], np.float32), [1])["log_loss"]
    assert wide == pytest.approx(-np.log(np.finfo(np.float64).eps))
    assert narrow == pytest.approx(-np.log(np.finfo(np.float32).eps))


def test_a_model_that_diverged_has_no_numbers():
    ours = classification_metrics([[np.nan, np.nan], [0.5, 0.5]], [0, 1], ("a", "b"))
    assert tuple(ours) == classification_metric_names(("a", "b"))
    assert ours.pop("examples") == 2
    assert np.isnan(list(ours.values())).all()


@pytest.mark.parametrize(
    ("probabilities", "labels", "words"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "no examples"),
        ([[0.5, 0.5]], [2], "outside 0 to 1"),
        ([[0.5, 0.5]], [-1], "outside 0 to 1"),
        ([[0.5, 0.5]], [0, 1], "labels are"),
        ([[0.5, 0.5]], [0.0], "integers"),
        ([0.5, 0.5], [0, 1], "columns"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(probabilities, labels, words):
    with pytest.raises(ValueError, match=words):
        classification_metrics(probabilities, labels)


def test_names_must_fit():
    with pytest.raises(ValueError, match="3 names for 2"):
        classification_metrics([[0.5, 0.5]], [0], ("a", "b", "c"))


def test_confusion_rows_are_labels():
    assert confusion_matrix([0, 0, 1], [1, 1, 1], 2).tolist() == [[0, 2], [0, 1]]
    assert confusion_matrix(np.zeros(0, int), np.zeros(0, int), 2).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="outside"):
        confusion_matrix([0], [2], 2)


def test_per_class_counts():
    table = per_class(np.array([[2, 1], [0, 3]]))
    assert table.support.tolist() == [3, 3]
    assert table.predicted.tolist() == [2, 4]
    np.testing.assert_allclose(table.f1, [4 / 5, 6 / 7])
