"""What a user switches on in the config does what it says, in whole runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.experiments.launch import SMALL, Command, here, logged, losses, saved_arrays

PLAIN = (
    "model.widths=[16,16]", "trainer.steps_per_call=1", "trainer.log_every=4",
    "data.augmentations=[]",
)  # fmt: skip
Train = Callable[..., Path]


@pytest.fixture
def train(command: Command, tmp_path: Path) -> Train:
    """Runs the small experiment with further words; gives its directory."""

    def call(*words: str, name: str = "run") -> Path:
        ended = command(*SMALL, *words, f"run.dir={tmp_path / name}")
        assert ended.code == 0, ended
        return tmp_path / name

    return call


def summary(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "summary.json").read_text())
    return found


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small experiment as it is, one step a call."""
    run = tmp_path_factory.mktemp("plain") / "run"
    assert here(*SMALL, *PLAIN, f"run.dir={run}") == 0
    return run


@pytest.mark.parametrize(
    ("optimizer", "schedule", "precision"),
    [
        ("adafactor", "constant", "mixed"),
        ("lion", "linear", "float32"),
        ("muon", "warmup_stable_decay", "float32"),
        ("sgd", "cosine", "bfloat16"),
    ],
)
def test_every_optimizer_schedule_and_precision_trains(
    optimizer: str, schedule: str, precision: str, train: Train
) -> None:
    run = train(f"optimizer={optimizer}", f"schedule={schedule}", f"precision={precision}",
                "trainer.log_every=1", "evaluation=none", "trainer.steps_per_call=1")  # fmt: skip
    curve = list(losses(run).values())
    assert len(curve) == 40
    assert all(np.isfinite(loss) for loss in curve)
    assert len(set(curve)) > 20
    rates = [line["learning_rate"] for line in logged(run)]
    assert max(rates) == pytest.approx(max(rates[:10]))
    assert rates[-1] == (rates[20] if schedule == "constant" else pytest.approx(0, abs=1e-9))
    types = {str(array.dtype) for array in saved_arrays(run, 40).values() if array.ndim == 2}
    assert types == ({"bfloat16"} if precision == "bfloat16" else {"float32"})


@pytest.mark.parametrize(
    "words", ["mesh=data trainer.accumulate=4", "mesh=fsdp trainer.steps_per_call=4"]
)
def test_eight_devices_give_the_losses_of_one(words: str, train: Train, plain: Path) -> None:
    """And so do several microbatches a step, and several steps a call."""
    many = train(*PLAIN, *words.split())
    assert losses(many).keys() == losses(plain).keys()
    np.testing.assert_allclose(list(losses(many).values()), list(losses(plain).values()), rtol=1e-5)
    ours, theirs = (summary(run)["metrics"]["test/log_loss"] for run in (many, plain))
    assert ours == pytest.approx(theirs, rel=1e-5)
    with np.load(many / "evaluation" / "test" / "predictions.npz") as found:
        np.testing.assert_array_equal(found["index"], np.arange(360))  # 360 is no multiple of 32
    model = json.loads((many / "model.json").read_text())
    divided = {row["path"] for row in model if "fsdp" in row["partition"]}
    assert ("layers/0/kernel" in divided) == ("fsdp" in words)
    saved, plainly = (saved_arrays(run, 40) for run in (many, plain))
    for name, array in plainly.items():
        np.testing.assert_allclose(saved[name], array, rtol=1e-4, atol=1e-6, err_msg=name)


def test_early_stopping_ends_a_run_that_no_longer_improves(train: Train, command: Command) -> None:
    words = ("trainer.steps=400", "optimizer.learning_rate=1e-7",
             "trainer.early_stopping={metric: recall/3, patience: 2}")  # fmt: skip
    run = train(*words)
    assert summary(run)["complete"]
    assert summary(run)["step"] < 400
    assert "recall/3 of validation has not improved on" in summary(run)["stopped"]
    assert "for 2 evaluations" in summary(run)["stopped"]
    assert "stopped early" in (run / "report.html").read_text()
    assert (run / "checkpoints" / str(summary(run)["step"])).is_dir()
    assert "validation/recall/3" in logged(run)[-1]
    assert "validation/recall/4" not in logged(run)[-1]
    assert "This run is complete." in command(*SMALL, *words, f"run.dir={run}").out


def test_the_best_weights_are_those_that_are_reported(train: Train) -> None:
    # A rate that ruins the network, after it was as good as it gets.
    run = train("trainer.steps=100", "optimizer.learning_rate=0.02", "schedule=constant",
                "schedule.warmup=0", "checkpoint.metric=log_loss", "checkpoint.mode=min",
                "evaluation.weights=best", "evaluation.final=[validation]",
                "checkpoint.keep_latest=1", "trainer.steps_per_call=1")  # fmt: skip
    watched = {line["step"]: line["validation/log_loss"]
               for line in logged(run) if "validation/log_loss" in line}  # fmt: skip
    best = min(watched, key=lambda step: watched[step])
    metrics = json.loads((run / "evaluation" / "validation" / "metrics.json").read_text())
    assert metrics["log_loss"] == pytest.approx(watched[best], rel=1e-5)
    steps = {path.name for path in (run / "checkpoints").iterdir()}
    assert steps == {str(best), "100"}
    suffix = " (best)" if best != 100 else ""
    assert summary(run)["weights"] == f"step {best}{suffix}"


def test_an_average_is_evaluated_and_a_profile_is_where_tensorboard_looks(train: Train) -> None:
    run = train("debug=profile", "trainer.profile.start=5", "trainer.profile.steps=5",
                "trainer.average_decay=0.9", "optimizer.learning_rate=0.01")  # fmt: skip
    arrays = saved_arrays(run, 40)
    average, weights = arrays["['average/head/kernel']"], arrays["['params/head/kernel']"]
    assert 0 < np.abs(average - weights).max() < 0.1
    assert list(run.glob("events/plugins/profile/*/*.xplane.pb"))


def test_without_evaluation_and_checkpoints(train: Train) -> None:
    run = train(*PLAIN, "evaluation=none", "checkpoint.every=null")
    assert not (run / "checkpoints").exists()
    assert not (run / "evaluation").exists()
    assert (run / "report.html").exists()
