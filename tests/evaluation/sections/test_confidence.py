import json

import pytest

from framework.evaluation import read_evaluation
from framework.evaluation.sections import confidence
from framework.evaluation.sections.confidence import answered, calibration_sentences
from tests.evaluation.examined_run import estimate

ERROR = "expected_calibration_error"


def said(*arguments, **named):
    (sentence,) = calibration_sentences({"estimates": {ERROR: estimate(*arguments, **named)}})
    return sentence


def test_an_error_whose_interval_begins_at_zero_cannot_be_told_from_calibrated():
    told = said(0.01, 0.0, 0.015, under_calibration=0.009)
    assert "1.0 points apart" in told
    assert "a calibrated model would read 0.9 points" in told
    assert "cannot be told from a calibrated one" in told


def test_an_error_above_zero_is_called_one():
    assert "it is not calibrated, by 8.0 to 12.0 points" in said(0.1, 0.08, 0.12)


@pytest.mark.parametrize(
    "analysis", [{}, {"estimates": {}}, {"estimates": {ERROR: estimate(None)}}]
)
def test_nothing_is_said_where_nothing_is_known(analysis):
    assert calibration_sentences(analysis) == []


def test_abstaining_is_told_at_the_share_nearest_to_four_fifths():
    curve = {"coverage": [0.5, 0.79, 1.0], "risk": [0.0, 0.003, 0.02]}
    assert answered(curve) == (
        "Answering only the surest 79%, it errs in 0.3%; answering all, in 2.0%."
    )
    curve["risk"] = [0.0, 0.0, 0.02]
    assert "it never errs" in answered(curve)


def test_numbers_have_no_confidence_and_a_bare_run_its_reliability_alone(fake_run):
    evaluation, labels, _ = read_evaluation(fake_run("number") / "evaluation" / "test")
    assert confidence(evaluation, labels, {}) is None
    evaluation, labels, _ = read_evaluation(fake_run("class") / "evaluation" / "test")
    block = confidence(evaluation, labels, {})
    assert [figure.title for figure in block.figures] == ["Does confidence come true?"]
    assert block.tables == block.folded == block.sentences == []


def test_remedies_are_tables(examined_run):
    folder = examined_run("class") / "evaluation" / "test"
    evaluation, labels, _ = read_evaluation(folder)
    analysis = json.loads((folder / "analysis.json").read_text())
    block = confidence(evaluation, labels, analysis)
    recalibrated, sets = block.tables
    temperature = analysis["recalibration"]["temperature"]["temperature"]
    assert [row.name for row in recalibrated.rows] == [
        "As it is", f"Temperature {temperature:.4g}",
        "Vector scaling", "Isotonic",
    ]  # fmt: skip
    assert "in 90% of the cases" in sets.caption
    assert len(block.folded[0].rows) == 6


def test_too_few_examples_to_fit_on_are_said_to_be(fake_run):
    evaluation, labels, _ = read_evaluation(fake_run("class") / "evaluation" / "test")
    analysis = {"recalibration": {"not_enough_data": "12 examples of validation"}}
    assert "Not enough data" in " ".join(confidence(evaluation, labels, analysis).sentences)
