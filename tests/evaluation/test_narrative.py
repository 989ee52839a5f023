import numpy as np
import pytest

from framework.evaluation import Evaluation, read_evaluation
from framework.evaluation.narrative import headline
from framework.spec import Labels
from framework.stats import classification_metrics, regression_metrics
from tests.evaluation.examined_run import drift, estimate, feature, one_slice


def told_of_classes(p, labels):
    p, labels, names = np.asarray(p), np.asarray(labels), ("cat", "dog", "owl")
    metrics = classification_metrics(p, labels, names)
    arrays = {"probabilities": p, "labels": labels, "index": np.arange(len(p))}
    return headline(Evaluation("test", metrics, arrays), Labels("class", names))


def test_the_hardest_class_the_commonest_mistake_and_the_boast_are_named():
    p = [[0.9, 0.1, 0], [0.9, 0.1, 0], [0.9, 0.1, 0], [0.1, 0.9, 0], [0, 0.1, 0.9]]
    told = " ".join(told_of_classes(p, [0, 1, 1, 1, 2]))
    assert "On 5 test examples it is right 60.0% of the time." in told
    assert "errs most on dog, of which it recognises 33.3%" in told
    assert "take dog for cat (twice)" in told
    assert "overconfident: it claims 90.0% on average, 30.0 points more" in told


def test_a_model_without_mistakes_is_not_blamed():
    told = told_of_classes(np.eye(3), [0, 1, 2])
    assert len(told) == 2
    assert "fits" in told[1]


def test_a_model_that_diverged_is_said_to_have():
    (told,) = told_of_classes(np.full((2, 3), np.nan), [0, 1])
    assert "diverged" in told


@pytest.mark.parametrize(
    ("guess", "words"),
    [
        ([1.0, 2.1, 2.9], "misses price by"),
        ([9.0, -2.0, 7.0], "worse than always answering with the mean"),
        ([1.5, 2.5, 3.5], "aims too high"),
    ],
)
def test_numbers(guess, words):
    guess, labels = np.array(guess)[:, None], np.array([[1.0], [2.0], [3.0]])
    arrays = {"predictions": guess, "labels": labels, "index": np.arange(3)}
    metrics = regression_metrics(guess, labels, ("price",))
    told = headline(Evaluation("test", metrics, arrays), Labels("number", ("price",)))
    assert words in " ".join(told)


def test_every_kind_has_a_headline(fake_run):
    for kind, words in (("multi_label", "labels are right"), ("number", "explains")):
        evaluation, labels, _ = read_evaluation(fake_run(kind) / "evaluation" / "test")
        assert words in headline(evaluation, labels)[0]


def test_an_analysis_gives_the_interval_the_slices_and_the_drift():
    analysis = {
        "estimates": {
            "accuracy": estimate(0.6, 0.23, 0.88, 5),
            "expected_calibration_error": estimate(0.3, 0.1, 0.4, 5, under_calibration=0.2),
        },
        "slices": [one_slice("sex=2", "worse", 0.5)],
        "drift": drift(feature("age", "minor", 0.2), verdict="minor"),
    }
    p, labels = np.eye(3)[[0, 0, 0, 1, 2]], np.array([0, 1, 1, 1, 2])
    metrics = {**classification_metrics(p, labels, ("cat", "dog", "owl")), "accuracy": 0.6}
    arrays = {"probabilities": p, "labels": labels, "index": np.arange(5)}
    told = headline(
        Evaluation("test", metrics, arrays), Labels("class", ("cat", "dog", "owl")), analysis
    )
    assert told[0] == "On 5 test examples it is right 60.0% of the time (23.0 to 88.0%)."
    assert "it is not calibrated, by 10.0 to 40.0 points" in told[2]
    assert "worse than on the rest on sex=2" in told[3]
    assert told[4].startswith("Minor drift")


def test_an_empty_analysis_changes_nothing(fake_run):
    evaluation, labels, _ = read_evaluation(fake_run("class") / "evaluation" / "test")
    assert headline(evaluation, labels, {}) == headline(evaluation, labels)
