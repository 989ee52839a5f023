import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from framework.stats import multi_label_metric_names, multi_label_metrics

NAMES = ("sea", "sky", "tree")


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 9999), st.integers(2, 40))
def test_agrees_with_scikit_learn(seed, examples):
    rng = np.random.default_rng(seed)
    p = rng.integers(0, 9, (examples, 3)) / 8  # ties, zeros and ones
    y = rng.integers(0, 2, (examples, 3))
    y[0], y[1] = 1, 0  # every label occurs and is missing once
    ours = multi_label_metrics(p, y)
    said = (p >= 0.5).astype(int)
    assert ours["label_accuracy"] == pytest.approx(1 - sk.hamming_loss(y, said))
    assert ours["exact_match"] == pytest.approx(sk.accuracy_score(y, said))
    each = [sk.log_loss(y[:, i], p[:, i], labels=[0, 1]) for i in range(3)]
    assert ours["log_loss"] == pytest.approx(np.mean(each))
    assert ours["brier_score"] == pytest.approx(
        np.mean([sk.brier_score_loss(y[:, i], p[:, i]) for i in range(3)])
    )
    assert ours["mean_average_precision"] == pytest.approx(sk.average_precision_score(y, p))
    assert ours["micro_f1"] == pytest.approx(sk.f1_score(y, said, average="micro"))
    for name, score in (
        ("macro_precision", sk.precision_score),
        ("macro_recall", sk.recall_score),
        ("macro_f1", sk.f1_score),
    ):
        assert ours[name] == pytest.approx(score(y, said, average="macro", zero_division=0))


def test_names_are_known_before_a_number_is():
    ours = multi_label_metrics([[0.2, 0.7, 0.5]], [[0, 1, 0]], NAMES)
    assert tuple(ours) == multi_label_metric_names(NAMES)


def test_a_label_that_never_occurs_is_not_defined():
    ours = multi_label_metrics([[0.2, 0.7, 0.1]], [[0, 1, 0]], NAMES)
    assert np.isnan(ours["recall/sea"])
    assert ours["recall/sky"] == 1
    assert ours["mean_average_precision"] == 1


def test_the_threshold_moves_the_decision_and_not_the_scores():
    low, high = (multi_label_metrics([[0.4]], [[1]], threshold=t) for t in (0.3, 0.5))
    assert (low["exact_match"], high["exact_match"]) == (1, 0)
    assert low["brier_score"] == high["brier_score"]


def test_a_model_that_diverged_has_no_numbers():
    ours = multi_label_metrics([[np.inf, 0, 0]], [[1, 0, 0]], NAMES)
    assert ours.pop("examples") == 1
    assert np.isnan(list(ours.values())).all()


@pytest.mark.parametrize(
    ("p", "y", "words"),
    [
        (np.zeros((0, 2)), np.zeros((0, 2)), "no examples"),
        ([[0.5, 0.5]], [[1]], "labels are"),
        ([[0.5]], [[0.3]], "neither 0 nor 1"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(p, y, words):
    with pytest.raises(ValueError, match=words):
        multi_label_metrics(p, y)
