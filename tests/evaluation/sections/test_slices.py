from framework.evaluation.sections import slices
from framework.evaluation.sections.slices import gap_sentences, standing_sentence
from tests.evaluation.examined_run import estimate, one_slice

FOUND = [
    one_slice("sex=2", "worse", 0.7, 500, 0.0001),
    one_slice("sex=1", "no difference shown", 0.85, 700),
    one_slice("sex=9", "not enough data", 0.4, 3, None),
]
ANALYSIS = {
    "split": "test", "level": 0.95, "estimates": {"accuracy": estimate(0.8, 0.75, 0.85)},
    "slices": FOUND, "gaps": {},
}  # fmt: skip


def gap(value=0.1, p_value=0.0005, between=("2", "1", "predicted 1")):
    return {
        "value": value, "low": 0.05, "high": 0.15, "without_difference": 0.02,
        "p_value": p_value, "groups": 2, "between": list(between),
    }  # fmt: skip


def said(kind, **named):
    (told,) = gap_sentences({"sex": {kind: gap(**named)}}, ("idle", "employed"))
    return told.replace("\u00a0", " ")


def test_no_slices_no_block():
    assert slices({"split": "test", "slices": []}, ("a",)) is None


def test_worse_slices_are_named_and_the_few_are_counted():
    told = standing_sentence(FOUND)
    assert told == (
        "Of 3 slices looked at (1 of too few examples to judge), it does worse than on the rest "
        "on sex=2 (accuracy 70.0%, 65.0 to 75.0%)."
    )
    assert "none can be told to be worse" in standing_sentence(FOUND[1:])
    many = [one_slice(f"ward={i}", "worse", 0.5) for i in range(9)]
    assert standing_sentence(many).endswith("and 6 more.")


def test_rows_tell_their_standing_in_words_and_the_few_are_greyed():
    (table,) = slices(ANALYSIS, ()).tables
    assert [row.tone for row in table.rows] == ["worse", "", "faint"]
    assert [row.note.partition(",")[0] for row in table.rows] == [
        "worse", "no difference shown", "not enough data",
    ]  # fmt: skip
    assert [row.cells[0].text for row in table.rows] == ["500", "700", "3"]
    assert table.rows[0].cells[1].note == "65.0 to 75.0%"


def test_whiskers_keep_to_the_scale_of_the_slices_that_can_be_judged():
    (table,) = slices(ANALYSIS, ()).tables
    drawn = [row.cells[-1].whisker for row in table.rows]
    assert (drawn[0].low, drawn[1].high) == (0, 1)
    assert 0 < drawn[0].value < drawn[1].value < 1
    assert drawn[2].low == drawn[2].high == 0  # 0.35 to 0.45 is off the scale
    assert 0 < table.all < 1


def test_gaps_are_sentences():
    told = said("demographic_parity")
    assert told == (
        "Demographic parity over sex: it says “employed” 10.0 points more often for sex=2 than for "
        "sex=1 (5.0 to 15.0 points); chance alone reads 2.0 points, p < 0.001."
    )
    told = said("equalised_odds", between=("2", "1", "label 0 predicted 1"))
    assert "of true “idle” it says “employed” 10.0 points more often for sex=2" in told
    assert "on sex=2 it is overconfident by 10.0 points" in said(
        "calibration", between=("2", "overconfident")
    )
    assert "no gap is shown" in said("calibration", p_value=0.4, between=("2", "overconfident"))
    assert "not enough data" in said("calibration", value=None, p_value=None, between=())


def test_without_accuracy_the_loss_is_shown():
    losses = [{**one, "metrics": {"loss": one["metrics"]["loss"]}} for one in FOUND]
    analysis = {**ANALYSIS, "slices": losses, "estimates": {}}
    (table,) = slices(analysis, ()).tables
    assert table.columns[2] == "Loss"
    assert table.all is None
