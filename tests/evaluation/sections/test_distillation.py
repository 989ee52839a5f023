import copy
import json
import shutil

from framework.evaluation import write_report
from framework.evaluation.model_card import write_model_card
from framework.evaluation.sections.distillation import comparison_sentences, distillation


def one(value, low=None, high=None):
    return {"value": value, "low": low, "high": high, "n": 900, "under_calibration": None}


FOUND = {
    "split": "test", "examples": 900, "level": 0.95,
    "teacher": {
        "path": "runs/big", "kind": "run", "name": "big<b>", "step": 4000,
        "fingerprint": "0123456789abcdef", "parameters": 99_370, "bytes": 397_480,
        "metrics": {"accuracy": one(0.99, 0.98, 0.995), "log_loss": one(0.021, 0.008, 0.04),
                    "expected_calibration_error": one(0.01)},
        "latency": {"1": 0.0002, "128": 0.0044},
    },
    "student": {
        "name": "small", "parameters": 2482, "bytes": 9928,
        "metrics": {"accuracy": one(0.96, 0.945, 0.97), "log_loss": one(0.1, 0.08, 0.13),
                    "expected_calibration_error": one(0.02)},
        "latency": {"1": 0.0001, "128": 0.0011},
    },
    "differences": {"accuracy": one(-0.03, -0.045, -0.018), "log_loss": one(0.079, 0.06, 0.1)},
    "agreement": one(0.965, 0.95, 0.975),
    "timing": {"calls": {"1": 1000, "128": 150}, "device": "cpu"},
}  # fmt: skip


def changed(**parts):
    return {**copy.deepcopy(FOUND), **parts}


def test_a_run_without_a_teacher_has_no_block():
    assert distillation(None) is None
    assert distillation({}) is None


def test_what_was_lost_and_what_is_saved():
    assert comparison_sentences(FOUND) == [
        "The student's accuracy is 3.0 points lower than the teacher's (−4.5 to −1.8); both say "
        "the same on 96.5% of 900 examples (95.0 to 97.5%).",
        "It has 2,482 parameters to 99,370, and answers a batch of 1 in 0.1 ms to 0.2 and a batch "
        "of 128 in 1.1 ms to 4.4.",
    ]


def test_chance_is_called_so():
    (said, _) = comparison_sentences(changed(differences={"accuracy": one(-0.003, -0.01, 0.004)}))
    assert "0.3 points lower" in said
    assert "a difference that chance alone may make" in said
    (said, _) = comparison_sentences(changed(differences={"accuracy": one(0.02, 0.01, 0.03)}))
    assert "2.0 points higher" in said
    assert "chance" not in said
    (said, _) = comparison_sentences(changed(differences={"accuracy": one(0.0)}))
    assert said.startswith("The student's accuracy is the teacher's; both")


def test_every_number_has_its_place():
    (table,) = distillation(FOUND).tables
    rows = {row.name: [cell.text for cell in row.cells] for row in table.rows}
    assert rows == {
        "Accuracy": ["99.0%", "96.0%", "−3.0"],
        "Log loss": ["0.021", "0.100", "+0.079"],
        "Calibration error": ["1.0%", "2.0%", "+1.0"],
        "Parameters": ["99,370", "2,482", "÷ 40"],
        "Weights": ["388.2 KiB", "9.7 KiB", "÷ 40"],
        "Latency of 1": ["0.2 ms", "0.1 ms", "÷ 2"],
        "Latency of 128": ["4.4 ms", "1.1 ms", "÷ 4"],
    }
    assert table.rows[0].cells[0].note == "98.0 to 99.5%"
    assert table.rows[0].cells[2].note == "−4.5 to −1.8"
    assert "the median of 1,000 and 150 calls" in table.caption


def test_latency_that_was_not_measured():
    several = changed(not_measured={"latency": "the run has several processes"})
    del several["timing"], several["teacher"]["latency"], several["student"]["latency"]
    block = distillation(several)
    assert block.sentences[1] == "It has 2,482 parameters to 99,370."
    (table,) = block.tables
    assert not any(row.name.startswith("Latency") for row in table.rows)
    assert table.caption.endswith("Latency was not measured: the run has several processes.")


def test_numbers_have_no_agreement():
    name = "mean_absolute_error_in_deviations"
    numbers = changed(differences={name: one(0.08264, 0.064, 0.106)})
    del numbers["agreement"]
    for who in ("teacher", "student"):
        numbers[who]["metrics"] = {name: one(0.1, 0.09, 0.11)}
    assert comparison_sentences(numbers)[0] == (
        "The student's mean absolute error in deviations is 0.083 higher than the teacher's "
        "(0.064 to 0.106)."
    )


def test_it_is_in_the_report_and_in_the_card(fake_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(fake_run("class"), run)
    (run / "distillation.json").write_text(json.dumps(FOUND))
    data = json.loads((run / "data.json").read_text())
    (run / "data.json").write_text(json.dumps({**data, "teacher": FOUND["teacher"]}))
    page = write_report(run).read_text()
    assert '<a href="#distillation">Teacher</a>' in page
    assert "the run big&lt;b&gt; at step 4,000" in page
    card = write_model_card(run).read_text()
    assert "| Learned from | big<b>, step 4,000 (run 01234567) |" in card
    assert "- It has 2,482 parameters to 99,370" in card
