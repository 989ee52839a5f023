import json
import shutil

import pytest
import yaml

from framework.evaluation.model_card import write_model_card
from tests.evaluation.fake_run import CLOTHES, class_predictions, image_spec, write_run

SECTIONS = [
    "Model details", "Intended use", "Training data", "Training procedure", "Evaluation results",
    "Calibration", "Slices and fairness", "Drift", "Limitations", "How to use and reproduce",
    "Environmental impact",
]  # fmt: skip


def read(run):
    """Its metadata and its text."""
    _, front, text = write_model_card(run).read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front), text


def test_the_metadata_are_what_the_hub_reads(examined_run):
    run = examined_run("class")
    front, _ = read(run)
    assert front["library_name"] == "framework"
    assert front["datasets"] == ["fashion_mnist"]
    assert "jax" in front["tags"]
    (model,) = front["model-index"]
    (result,) = model["results"]
    assert result["dataset"] == {"name": "fashion_mnist", "type": "fashion_mnist", "split": "test"}
    measured = json.loads((run / "evaluation" / "test" / "metrics.json").read_text())
    found = {metric["type"]: metric["value"] for metric in result["metrics"]}
    assert found == {name: measured[name] for name in found}
    assert set(front["metrics"]) == set(found) >= {"accuracy", "log_loss"}


@pytest.mark.parametrize("kind", ["class", "many", "two", "multi_label", "number", "bare"])
def test_every_run_has_every_section(fake_run, kind):
    _, text = read(fake_run(kind))
    headings = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert headings == SECTIONS
    assert "not measured" in text


def test_results_have_their_intervals(examined_run):
    _, text = read(examined_run("class"))
    (row,) = [line for line in text.splitlines() if line.startswith("| Accuracy |")]
    _, _, value, interval, n, _ = row.split("|")
    low, high = (float(end.strip(" %")) for end in interval.split("to"))
    assert low < float(value.strip(" %")) < high
    assert n.strip() == "900"
    assert "Demographic parity over sex" in text
    assert "Major drift" in text
    assert "False alarms" in text
    assert "labels are suspect" in text


def test_what_was_not_measured_is_said_to_be_so(fake_run):
    _, text = read(fake_run("class"))
    assert "Intervals, calibration, slices and drift were not measured." in text
    assert "no slices were asked for" in text
    assert "Copies, suspect labels and anomalies: not measured." in text
    assert "Under shifted inputs: not measured" in text
    assert "Energy and emissions were not measured." in text
    assert "kept no reference" in text


def test_limitations_follow_from_the_numbers(examined_run, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(examined_run("class"), run)
    _, text = read(run)
    limitations = text.partition("## Limitations")[2].partition("##")[0]
    assert "on 900 examples only" in limitations
    assert "not calibrated" not in limitations
    assert "the shift suite was not run" not in limitations
    file = run / "evaluation" / "test" / "analysis.json"
    analysis = json.loads(file.read_text())
    analysis["estimates"]["expected_calibration_error"]["low"] = 0.01
    analysis["slices"][0] |= {"standing": "worse", "name": "ward=z"}
    file.write_text(json.dumps({**analysis, "shift": {}}))
    _, text = read(run)
    limitations = text.partition("## Limitations")[2].partition("##")[0]
    assert "It does worse on ward=z." in limitations
    assert "it is not calibrated" in limitations
    assert "the shift suite was not run" in limitations


def test_an_empty_directory_still_has_a_card(tmp_path):
    front, text = read(tmp_path)
    assert front["model-index"] == [{"name": "model", "results": []}]
    assert "has not been evaluated" in text


def test_a_name_does_not_end_its_place_in_a_table(tmp_path):
    outputs, labels = class_predictions(60, 10)
    write_run(tmp_path, image_spec("class", CLOTHES), outputs, labels)
    data = json.loads((tmp_path / "data.json").read_text())
    (tmp_path / "data.json").write_text(json.dumps({**data, "name": "a|b: 'c'"}))
    front, text = read(tmp_path)
    assert front["datasets"] == ["a|b: 'c'"]
    assert "| Data set | a\\|b: 'c' |" in text
