import pytest

from framework.evaluation.sections import drift
from framework.evaluation.sections.drift import verdict_sentence
from tests.evaluation.examined_run import drift as found
from tests.evaluation.examined_run import estimate, feature

MAJOR = [feature(f"column {i}", "major", 0.9 - i / 10) for i in range(5)]


def analysis(**named):
    return {"split": "test", "level": 0.95, "estimates": {}, **named}


def shift_of(p_value, residuals=(5.0, -5.0, None)):
    return {
        "chi_squared": 9.0, "p_value": p_value, "classes": [0, 1, 2], "reference": [0.5, 0.5, 0.0],
        "current": [0.7, 0.3, 0.0], "residuals": list(residuals), "unknown": 2,
    }  # fmt: skip


def test_the_verdict_names_those_that_moved_most():
    told = verdict_sentence(found(*MAJOR, feature("x"), verdict="major"))
    assert told == (
        "Major drift from the training data: 5 of 6 features moved, most of all column 0 (PSI "
        "0.900 above chance), column 1 (PSI 0.800 above chance), column 2 (PSI 0.700 above chance)."
    )


def test_no_drift_and_no_data_are_told_apart():
    assert "none of 1 feature raises an alarm" in verdict_sentence(found(feature("x")))
    slight = {**feature("x"), "significant": True}
    assert "1 moved, but too little to matter" in verdict_sentence(found(slight))
    nothing = feature("x", "not enough data", None)
    assert "not enough data to say" in verdict_sentence(found(nothing, verdict="not enough data"))


def test_without_a_reference_it_is_said_not_to_be_measured():
    assert drift({}, ()) is None
    told = drift(analysis(not_measured={"drift": "the run kept no reference profile"}), ())
    assert told.sentences == ["Not measured: the run kept no reference profile."]


def test_fifteen_features_are_open_and_a_change_of_what_is_missing_is_told():
    many = [feature("age", "minor", 0.15, (0.0, 0.25)), *(feature(f"c{i}") for i in range(30))]
    (table,) = drift(analysis(drift=found(*many, verdict="minor")), ()).tables
    assert table.shown == 15
    assert len(table.rows) == 31
    first = table.rows[0]
    assert (first.note, first.tone) == ("minor drift", "worse")
    assert [cell.text for cell in first.cells] == ["0.150", "< 0.001", "0.0% → 25.0%"]
    assert first.cells[0].bar == pytest.approx(0.3)


def test_a_drop_below_chance_has_no_bar_and_nothing_known_a_dash():
    rows = drift(
        analysis(drift=found(feature("a", excess=-0.02), feature("b", "not enough data", None))), ()
    ).tables[0].rows  # fmt: skip
    assert rows[0].cells[0].bar == 0
    assert rows[0].cells[0].text == "−0.020"
    assert rows[1].cells[0].text == "—"
    assert rows[1].tone == "faint"


def test_classes_that_moved_are_named_as_the_data_name_them():
    told = drift(analysis(drift=found(), label_shift=shift_of(0.0001)), ("cat", "dog", "owl"))
    assert "“cat” from 50.0% to 70.0%" in told.sentences[1]
    assert "2 are of unknown classes" in told.sentences[1]
    still = drift(analysis(drift=found(), predicted_shift=shift_of(0.6)), ("cat", "dog", "owl"))
    assert still.sentences[1].startswith("No shift of the predicted classes is shown")


def test_estimated_accuracy_stands_beside_the_measured_one():
    ways = {
        way: {"accuracy": value, "interval": interval}
        for way, value, interval in (
            ("mean_confidence", 0.7, [0.6, 0.8]), ("thresholded_confidence", None, None),
        )
    }  # fmt: skip
    told = drift(
        analysis(
            drift=found(), estimated_accuracy=ways,
            estimates={"accuracy": estimate(0.75, 0.7, 0.8)},
        ), (),
    )  # fmt: skip
    texts = [[cell.text for cell in row.cells] for row in told.tables[1].rows]
    assert texts == [["75.0%", "70.0 to 80.0%"], ["70.0%", "60.0 to 80.0%"], ["—", "—"]]
