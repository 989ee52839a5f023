from framework.evaluation.sections import quality
from tests.evaluation.examined_run import quality_found


def test_data_that_were_not_checked_have_no_block():
    assert quality(None) is None
    assert quality({}) is None


def test_copies_labels_and_anomalies_are_told_or_why_not():
    told = " ".join(quality(quality_found()).sentences)
    for words in (
        "3 of 900 examples repeat an earlier one; equal ones have different labels in 1 group",
        "2 of 800 labels are suspect, and about 4 are wrong by estimate (a small model)",
        "Anomalies were not judged: not enough data", "age: 300, expected at most 120",
    ):  # fmt: skip
        assert words in told


def test_copies_of_the_training_data_in_other_splits_are_marked():
    (table,) = quality(quality_found()).tables
    (row,) = table.rows
    assert (row.name, row.tone) == ("test in train", "worse")
    assert [cell.text for cell in row.cells] == ["100", "3 (3.0%)", "5 (5.0%)"]


def test_suspect_labels_are_shown():
    (gallery,) = quality(quality_found("data:image/png;base64,x")).galleries
    (exhibit,) = gallery.exhibits
    assert (exhibit.said, exhibit.truth) == ("labelled Bag", "more like <b>Coat</b>")
    assert exhibit.where == "train 17"
