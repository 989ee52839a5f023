import json

import numpy as np
import pytest

from framework.evaluation import Evaluation, read_evaluation, write_evaluation
from framework.evaluation.record import replaced
from framework.spec import Labels
from tests.evaluation.fake_run import CLOTHES, class_predictions, image_spec


def test_numbers_and_predictions_can_be_read_by_anything(fake_run):
    folder = fake_run("class") / "evaluation" / "test"
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["examples"] == 900
    assert all(isinstance(value, int | float) for value in metrics.values())
    assert {"accuracy", "log_loss", "brier_score", "expected_calibration_error"} <= set(metrics)
    with np.load(folder / "predictions.npz") as arrays:
        assert set(arrays) == {"probabilities", "labels", "index"}
        assert arrays["probabilities"].shape == (900, 10)
        accuracy = np.mean(arrays["probabilities"].argmax(1) == arrays["labels"])
    assert metrics["accuracy"] == pytest.approx(accuracy)


@pytest.mark.parametrize("kind", ["class", "multi_label", "number"])
def test_what_is_written_is_read_back(fake_run, kind):
    evaluation, labels, mistakes = read_evaluation(fake_run(kind) / "evaluation" / "test")
    assert labels.kind == kind
    assert evaluation.split == "test"
    assert len(evaluation.predictions["labels"]) == evaluation.metrics["examples"]
    assert mistakes


def test_what_is_not_defined_is_left_out_of_the_numbers_and_named_beside_them(tmp_path):
    arrays = {
        "probabilities": np.array([[0.9, 0.1]]),
        "labels": np.array([0]),
        "index": np.arange(1),
    }
    metrics = {"accuracy": 1.0, "recall/b": float("nan"), "examples": 1.0}
    spec = image_spec("class", ("a", "b"))
    write_evaluation(tmp_path / "test", Evaluation("test", metrics, arrays), spec)
    text = (tmp_path / "test" / "metrics.json").read_text()
    assert json.loads(text) == {"accuracy": 1.0, "examples": 1}
    assert json.loads((tmp_path / "test" / "details.json").read_text())["undefined"] == ["recall/b"]
    again, labels, mistakes = read_evaluation(tmp_path / "test")
    assert np.isnan(again.metrics["recall/b"])
    assert labels == Labels("class", ("a", "b"))
    assert mistakes == []


def test_a_model_that_diverged_is_recorded_without_pictures(tmp_path):
    outputs, labels = class_predictions(5, 10)
    arrays = {"probabilities": outputs * np.nan, "labels": labels, "index": np.arange(5)}
    evaluation = Evaluation("test", {"accuracy": float("nan"), "examples": 5.0}, arrays)
    assert write_evaluation(tmp_path, evaluation, image_spec("class", CLOTHES)) == {}
    assert json.loads((tmp_path / "metrics.json").read_text()) == {"examples": 5}


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("class", {"reliability", "confusion", "mistakes"}),
        ("multi_label", {"reliability", "mistakes"}),
        ("number", {"regression"}),
    ],
)
def test_pictures_lie_beside_the_numbers(fake_run, kind, names):
    from PIL import Image

    folder = fake_run(kind) / "evaluation" / "test"
    assert {file.stem for file in folder.glob("*.png")} == names
    for file in folder.glob("*.png"):
        pixels = np.asarray(Image.open(file))
        assert pixels.ndim == 3
        assert len(np.unique(pixels)) > 3  # something is drawn


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "a").write_text("old")

    def fill():
        with replaced(tmp_path / "a") as file:
            file.write(b"half of the ne")
            raise OSError("disk full")

    with pytest.raises(OSError, match="full"):
        fill()
    assert (tmp_path / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
