"""What is found out about a trained model beside its metrics."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from framework.data import ArraySource, Data
from framework.evaluation.reference import FOLDER, Reference
from framework.parallel import build_mesh
from framework.run import RunDirectory
from framework.spec import Field, Labels, Spec
from framework.stats.analysis import Analysis
from framework.train.examination import (
    CALIBRATION,
    examine,
    find_grounds,
    flat_numbers,
    keep,
    lay_grounds,
    without_embedding,
)
from framework.train.predictor import Predictor
from framework.train.state import as_arrays
from tests.train.small import CLASSES, batches, small

QUICK = Analysis(resamples=50, slices=("label", "image mean"), shift_resamples=10)
FULL = replace(QUICK, depth="full", shift_examples=60)


def source(name: str, count: int, bright: int = 0) -> ArraySource:
    rows = batches(count)
    images = np.concatenate([batch["inputs"] for batch in rows])
    labels = np.concatenate([batch["labels"] for batch in rows])
    return ArraySource(name, np.minimum(images.astype(int) + bright, 255).astype(np.uint8), labels)


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """A model that has learnt something, on train, validation, test and brighter data."""
    own = small("mlp")
    state, _ = own.train(own.start(), batches(60))
    names = tuple("abcde"[:CLASSES])
    splits = {"train": source("train", 40), "validation": source("validation", 16),
              "test": source("test", 20), "bright": source("bright", 20, 80)}  # fmt: skip
    data = Data(
        "own", Spec(Field((8, 8, 1), "float32"), Labels("class", names)), splits, "0" * 64, 16,
        own.values.preprocess,
    )  # fmt: skip
    return Predictor(
        own.program, data, own.values.task, as_arrays(own.values), state.params,
        state.model_state, 16,
    )  # fmt: skip


@pytest.fixture(scope="module")
def grounds(predictor: Predictor) -> Any:
    found = lay_grounds(predictor, QUICK, 60)
    assert found is not None
    return found


def analysis(predictor: Predictor, grounds: Any, split: str, options: Analysis = QUICK) -> Any:
    found = predictor(split, embed=True)
    told = examine(found, split, predictor, grounds, options)
    json.dumps(told, allow_nan=False)  # plain, and no NaN in it
    return told


def test_the_embedding_is_there_only_when_it_is_asked_for(predictor: Predictor) -> None:
    plain, embedded = predictor("test"), predictor("test", embed=True)
    assert "embedding" not in plain.predictions
    assert embedded.predictions["embedding"].shape == (320, 24)
    kept = without_embedding(embedded)
    assert kept.predictions.keys() == plain.predictions.keys()
    np.testing.assert_allclose(
        kept.predictions["probabilities"], plain.predictions["probabilities"], rtol=1e-5
    )


def test_the_reference_can_be_kept_and_found(
    predictor: Predictor, grounds: Any, tmp_path: Path
) -> None:
    directory = RunDirectory(tmp_path)
    keep(grounds, directory, "validation")
    found = find_grounds(predictor, directory, QUICK, 60)
    assert found is not None
    assert found.temperature == grounds.temperature
    assert json.loads((tmp_path / CALIBRATION).read_text())["fitted_on"] == "validation"
    for name, table in grounds.reference.profiles["train"].tables.items():
        other = found.reference.profiles["train"].tables[name]
        np.testing.assert_array_equal(table.counts, other.counts)
    size = sum(file.stat().st_size for file in (tmp_path / FOLDER).iterdir())
    assert size < 500_000


def test_a_run_without_a_reference_says_so(predictor: Predictor, tmp_path: Path) -> None:
    assert Reference.read(tmp_path) is None
    assert find_grounds(predictor, RunDirectory(tmp_path), QUICK, 60) is None
    told = analysis(predictor, None, "test")
    assert told["not_measured"]["drift"] == "the run kept no reference profile"
    assert "drift" not in told
    assert told["estimates"]["accuracy"]["n"] == 320


def test_an_empty_split_for_calibration_is_no_ground(predictor: Predictor) -> None:
    nothing = ArraySource("none", np.zeros((0, 8, 8), np.uint8), np.zeros(0, np.int32))
    assert lay_grounds(predictor.on("validation", nothing), QUICK, 60) is None
    assert lay_grounds(predictor, replace(QUICK, calibration="nowhere"), 60) is None


def test_data_of_the_same_kind_have_not_moved_and_brighter_ones_have(
    predictor: Predictor, grounds: Any
) -> None:
    still, moved = (analysis(predictor, grounds, split) for split in ("test", "bright"))
    assert still["drift"]["verdict"] == "none"
    assert moved["drift"]["verdict"] == "major"
    assert moved["drift"]["features"][0]["name"].startswith(("image", "embedding"))
    assert "image mean" in moved["drift"]["alarms"]
    assert moved["label_shift"]["p_value"] > 0.01


def test_numbers_have_intervals_and_what_calibration_would_read(
    predictor: Predictor, grounds: Any
) -> None:
    told = analysis(predictor, grounds, "test")
    accuracy = told["estimates"]["accuracy"]
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    assert told["estimates"]["expected_calibration_error"]["under_calibration"] > 0
    numbers = flat_numbers(told)
    assert numbers["accuracy/low"] == accuracy["low"]
    assert numbers["drift/alarms"] == 0
    name = "slice/label=a/accuracy"
    assert numbers[f"{name}/low"] <= numbers[name] <= numbers[f"{name}/high"]
    assert all(isinstance(value, float) for value in numbers.values())


def test_slices_are_named_with_their_columns(predictor: Predictor, grounds: Any) -> None:
    told = analysis(predictor, grounds, "test")
    names = {one["name"] for one in told["slices"]}
    assert {"label=a", "image mean=lowest quarter"} <= names
    assert sum(one["n"] for one in told["slices"] if one["name"].startswith("label")) == 320
    assert told["gaps"]["label"] == {}
    assert set(told["gaps"]["image mean"]) == {
        "demographic_parity", "equalised_odds", "calibration",
    }  # fmt: skip


def test_in_full_everything_is_there(predictor: Predictor, grounds: Any) -> None:
    told = analysis(predictor, grounds, "test", FULL)
    assert set(told["recalibration"]) >= {"none", "temperature", "vector", "isotonic"}
    sets = told["prediction_sets"]
    assert abs(sets["adaptive"]["coverage"]["value"] - sets["promised_coverage"]) < 0.15
    assert told["two_sample"]["classifier"]["p_value"] > 0.01
    shift = told["shift"]
    assert set(shift["shifts"]) == {
        "noise", "blur", "brightness", "contrast", "rotation", "occlusion", "label shift",
    }  # fmt: skip
    assert all(len(numbers["accuracy"]) == 6 for numbers in shift["shifts"].values())
    assert shift["shifts"]["brightness"]["alarms"][5] > shift["shifts"]["brightness"]["alarms"][0]
    assert shift["without_shift"]["resamples"] == 10
    assert shift["without_shift"]["alarms"] <= 0.3


def test_with_several_devices_it_is_the_same(predictor: Predictor, grounds: Any) -> None:
    own = small("mlp", devices=4, data=4)
    with jax.set_mesh(build_mesh(own.program.mesh_options)):
        params, others, values = jax.device_get(
            (predictor.params, predictor.others, predictor.values)
        )
        other = replace(predictor, program=own.program, params=params, others=others, values=values)
        told = analysis(other, grounds, "test")
    expected = analysis(predictor, grounds, "test")
    assert told["estimates"]["log_loss"]["value"] == pytest.approx(
        expected["estimates"]["log_loss"]["value"], rel=1e-5
    )


def test_other_weights_are_compared_by_their_inputs_alone(
    predictor: Predictor, grounds: Any, tmp_path: Path
) -> None:
    directory = RunDirectory(tmp_path)
    keep(grounds, directory, "validation")
    found = find_grounds(predictor, directory, QUICK, step=20)
    assert found is not None
    told = analysis(predictor, found, "bright", FULL)
    assert {f["name"].split()[0] for f in told["drift"]["features"]} == {"image", "label"}
    assert told["drift"]["verdict"] == "major"
    assert "two_sample" not in told


def test_without_the_runs_data_drift_is_of_its_profile(
    predictor: Predictor, grounds: Any, tmp_path: Path
) -> None:
    directory = RunDirectory(tmp_path)
    keep(grounds, directory, "validation")
    found = find_grounds(None, directory, QUICK, step=60)
    assert found is not None
    told = analysis(predictor, found, "test", FULL)
    assert told["drift"]["verdict"] == "none"
    assert told["temperature"] == grounds.temperature
    assert not {"recalibration", "estimated_accuracy"} & told.keys()
    assert "without_shift" not in told["shift"]
