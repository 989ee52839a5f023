import numpy as np
import pytest

from framework.evaluation import Evaluation
from framework.evaluation.baseline import baselines
from framework.spec import Labels
from framework.stats import classification_metrics, multi_label_metrics, regression_metrics
from tests.evaluation.fake_run import class_predictions, label_predictions, number_predictions


def of(labels, kind, width):
    evaluation = Evaluation("test", {}, {"labels": labels})
    return baselines(evaluation, Labels(kind, tuple("abcdefgh"[:width])))


@pytest.mark.parametrize("classes", [2, 7])
def test_classes_score_what_their_own_frequencies_score(classes):
    _, labels = class_predictions(300, classes)
    rate = np.bincount(labels, minlength=classes) / 300
    expected = classification_metrics(np.tile(rate, (300, 1)), labels)
    for name, value in of(labels, "class", classes).items():
        if name in expected:
            assert value == pytest.approx(expected[name]), name


def test_labels_score_what_their_own_rates_score():
    _, labels = label_predictions(300, ("a", "b", "c"))
    expected = multi_label_metrics(np.tile(labels.mean(axis=0), (300, 1)), labels)
    for name, value in of(labels, "multi_label", 3).items():
        assert value == pytest.approx(expected[name], rel=1e-6), name


def test_numbers_score_what_their_median_and_mean_score():
    _, labels = number_predictions(301, ("a", "b"))
    ours = of(labels, "number", 2)
    median = regression_metrics(np.tile(np.median(labels, axis=0), (301, 1)), labels)
    mean = regression_metrics(np.tile(labels.mean(axis=0), (301, 1)), labels)
    assert ours["mean_absolute_error"] == pytest.approx(median["mean_absolute_error"], rel=1e-5)
    assert ours["root_mean_squared_error"] == pytest.approx(
        mean["root_mean_squared_error"], rel=1e-5
    )
