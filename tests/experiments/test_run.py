"""A whole run as a user makes it: what it prints, and what it leaves to be read."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from framework.manifest import verify
from tests.experiments.launch import Ended, launch, logged
from tests.tracking.test_tensorboard import accumulated
from tests.tracking.wandb_records import history, records

EVALUATION = {
    "analysis.json",
    "metrics.json", "predictions.npz", "details.json", "mistakes.json", "mistakes.png",
    "confusion.png", "reliability.png", "risk_coverage.png", "drift.png",
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """`debug=tiny` of the default experiment, with every tracker."""
    folder = tmp_path_factory.mktemp("whole")
    ended = launch("debug=tiny", "run.dir=runs/one two", "model.channels=[8]", cwd=folder)
    assert ended.code == 0, ended
    return folder / "runs" / "one two", ended


def test_the_last_lines_say_where_to_look(whole: tuple[Path, Ended]) -> None:
    run, ended = whole
    assert ended.out.splitlines()[-4:] == [
        f"Run       {run}",
        f"Report    {run}/report.html",
        f"Curves    tensorboard --logdir {run.parent}",
        f"Export    python -m scripts.export run='{run}'",
    ]
    assert "test/accuracy" in ended.out
    assert "Traceback" not in ended.err


def test_the_run_directory_has_its_files(whole: tuple[Path, Ended]) -> None:
    run, _ = whole
    assert {path.name for path in run.iterdir() if not path.name.startswith(".")} == {
        "config.yaml", "overrides.yaml", "environment.json", "data.json", "model.json",
        "summary.json", "program.json", "checkpoints", "events", "wandb", "metrics.jsonl",
        "evaluation", "report.html", "attempts", "calibration.json", "reference_profile",
        "schema.json", "model_card.md",
    }  # fmt: skip
    assert {path.name for path in (run / "evaluation" / "test").iterdir()} == EVALUATION
    # Nothing is written beside the run, and its own directory is named as it was given.
    assert [path.name for path in run.parent.parent.iterdir()] == ["runs"]


def test_it_records_what_was_run(whole: tuple[Path, Ended]) -> None:
    run, _ = whole
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["trainer"]["steps"] == 20
    assert config["seed"] == 0
    overrides = yaml.safe_load((run / "overrides.yaml").read_text())
    assert overrides == ["debug=tiny", "run.dir=runs/one two", "model.channels=[8]"]
    environment = json.loads((run / "environment.json").read_text())
    assert {"jax", "flax", "optax", "numpy"} <= environment["packages"].keys()
    assert {"commit", "command", "python"} <= environment.keys()
    data = json.loads((run / "data.json").read_text())
    assert len(bytes.fromhex(data["fingerprint"])) == 32
    assert data["splits"] == {"train": 1257, "validation": 180, "test": 360}
    summary = json.loads((run / "summary.json").read_text())
    assert summary["complete"] is True
    assert summary["step"] == 20


def test_metrics_are_one_line_a_step(whole: tuple[Path, Ended]) -> None:
    lines = logged(whole[0])
    assert [line["step"] for line in lines] == [5, 10, 15, 20]
    for line in lines:
        assert {
            "loss", "accuracy", "learning_rate", "gradient_norm", "parameter_norm",
            "examples_per_second", "data_wait_share",
        } <= line.keys()  # fmt: skip
    evaluated = [line["step"] for line in lines if "validation/log_loss" in line]
    assert evaluated == [10, 20]


def test_the_evaluation_is_what_the_predictions_say(whole: tuple[Path, Ended]) -> None:
    folder = whole[0] / "evaluation" / "test"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert all(isinstance(value, int | float) for value in metrics.values())
    with np.load(folder / "predictions.npz") as found:
        probabilities, labels, index = found["probabilities"], found["labels"], found["index"]
    assert probabilities.shape == (360, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    np.testing.assert_array_equal(index, np.arange(360))
    assert metrics["examples"] == 360
    assert metrics["accuracy"] == pytest.approx((probabilities.argmax(1) == labels).mean())
    likely = probabilities[np.arange(360), labels]
    assert metrics["log_loss"] == pytest.approx(-np.log(likely).mean(), rel=1e-4)


def test_checkpoints_are_whole(whole: tuple[Path, Ended]) -> None:
    steps = sorted(path for path in (whole[0] / "checkpoints").iterdir())
    assert [path.name for path in steps] == ["10", "20"]
    assert [verify(path) for path in steps] == [[], []]


def test_the_report_is_one_file_that_names_the_result(whole: tuple[Path, Ended]) -> None:
    page = (whole[0] / "report.html").read_text()
    metrics = json.loads((whole[0] / "evaluation" / "test" / "metrics.json").read_text())
    assert 'src="http' not in page
    assert f"{metrics['accuracy']:.1%}".rstrip("%") in page


def test_tensorboard_reads_the_events(whole: tuple[Path, Ended]) -> None:
    events = accumulated(whole[0] / "events")
    curve = {event.step: event.value for event in events.Scalars("training/loss")}
    lines = {line["step"]: line["loss"] for line in logged(whole[0])}
    assert curve == pytest.approx(lines, rel=1e-6)
    assert "test/accuracy" in events.Tags()["scalars"]
    assert "test/confusion" in events.Tags()["images"]


def test_wandb_reads_its_records(whole: tuple[Path, Ended]) -> None:
    (offline,) = (whole[0] / "wandb").glob("offline-run-*")
    curve = {row["step"]: row["loss"] for row in history(offline) if "loss" in row}
    assert curve == pytest.approx({line["step"]: line["loss"] for line in logged(whole[0])})
    names = [record.artifact.name for record in records(offline) if record.HasField("artifact")]
    assert {"evaluation-test", "report"} <= set(names)
