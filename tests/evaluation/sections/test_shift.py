from framework.evaluation.sections import shift
from framework.evaluation.sections.shift import false_alarm_sentences, warning_sentences
from tests.evaluation.examined_run import SHIFT, estimate

ANALYSIS = {
    "split": "test", "level": 0.95, "shift": SHIFT,
    "estimates": {"accuracy": estimate(0.9, 0.85, 0.95)},
}  # fmt: skip


def test_without_the_suite_no_block():
    assert shift({}) is None
    assert shift({"shift": {"examples": 3, "shifts": {}}}) is None


def test_small_multiples_of_one_measure_share_a_scale():
    rows = dict(shift(ANALYSIS).panels)
    assert list(rows) == ["noise", "label shift"]
    assert [panel.title for panel in rows["noise"]] == [
        "accuracy", "calibration error", "drift alarms", "largest PSI", "MMD",
    ]  # fmt: skip
    alarms, few = (rows[name][2] for name in rows)
    assert alarms.points.split()[-1] == "100.0,0.0"
    assert few.points.split()[-1].startswith("100.0,28.6")
    assert (alarms.first, alarms.last) == ("0", "7")


def test_a_strength_without_a_number_is_left_out_of_the_curve():
    points = dict(shift(ANALYSIS).panels)["label shift"][3].points.split()
    assert [point.partition(",")[0] for point in points] == ["0.0", "40.0", "60.0", "80.0", "100.0"]


def test_every_number_is_in_a_table():
    tables = {table.title: table for table in shift(ANALYSIS).folded}
    accuracy = tables["Accuracy"]
    assert accuracy.columns == ["Shift", "0", "1", "2", "3", "4", "5"]
    assert [cell.text for cell in accuracy.rows[0].cells][:3] == ["90.0%", "88.0%", "70.0%"]


def test_the_alarm_is_compared_with_the_harm():
    (told,) = warning_sentences(SHIFT["shifts"], estimate(0.9, 0.85, 0.95))
    assert "Of 2 shifts 1 bring the accuracy below its interval (85.0%); in 1 of them" in told
    (told,) = warning_sentences(SHIFT["shifts"], estimate(0.9, 0.2, 0.95))
    assert told == "None of 2 shifts brings the accuracy below its interval."
    assert warning_sentences(SHIFT["shifts"], None) == []


def test_false_alarms_stand_beside_the_promised_rate():
    (told,) = false_alarm_sentences(SHIFT)
    assert "4.0% of 200 looks (2.0 to 7.7%)" in told
    assert "where 5% are promised; 1.0% raised an alarm" in told
    assert false_alarm_sentences({"shifts": {}}) == []


def test_numbers_have_a_loss_in_the_place_of_an_accuracy():
    plain = {"noise": {"loss": [1.0, 2.0], "alarms": [0.0, 1.0]}}
    analysis = {**ANALYSIS, "estimates": {}, "shift": {"examples": 9, "shifts": plain}}
    assert [panel.title for panel in shift(analysis).panels[0][1]] == ["loss", "drift alarms"]
