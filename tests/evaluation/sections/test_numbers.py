import numpy as np

from framework.evaluation import Evaluation
from framework.evaluation.sections import numbers
from framework.spec import Labels
from tests.evaluation.examined_run import estimate

LABELS = Labels("class", ("a", "b"))
ARRAYS = {
    "probabilities": np.array([[0.9, 0.1], [0.2, 0.8]]),
    "labels": np.array([0, 1]),
    "index": np.arange(2),
}
METRICS = {
    "accuracy": 0.994, "expected_calibration_error": 0.01, "smooth_calibration_error": 0.01,
    "accuracy/low": 0.98, "temperature": 1.2, "examples": 2.0,
}  # fmt: skip


def shown(analysis):
    return {n.title: n for n in numbers(Evaluation("test", METRICS, ARRAYS), LABELS, analysis)}


def test_a_number_stands_with_its_interval_and_what_it_is_read_against():
    found = shown({"estimates": {"accuracy": estimate(0.994, 0.98, 0.998, 360)}})
    assert found["Accuracy"].value == "99.4%"
    assert found["Accuracy"].interval == "98.0 to 99.8%, n\u00a0=\u00a0360"
    assert found["Accuracy"].note == "without looking: 50.0%"


def test_a_calibration_error_says_what_a_calibrated_model_would_read():
    error = estimate(0.01, 0.0, 0.02, 360, under_calibration=0.009)
    found = shown({"estimates": {"expected_calibration_error": error}})
    assert found["Expected calibration error"].note == "a calibrated model would read 0.9% here"


def test_other_calibration_errors_and_parts_of_estimates_have_a_place_of_their_own():
    assert set(shown({})) == {"Accuracy", "Expected calibration error"}


def test_a_run_without_an_analysis_has_bare_numbers():
    assert {n.interval for n in shown({}).values()} == {""}
