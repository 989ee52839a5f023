"""What a sweep leaves to be looked at: its page, TensorBoard's tab, a group in W&B."""

from pathlib import Path

import pytest

from framework.launch.sweep import Sweep
from tests.experiments.launch import SMALL, launch
from tests.tracking.test_tensorboard import hyperparameter_tab

WANDB = "++tracker.wandb.group="


def test_the_page_and_the_hyperparameter_tab_show_what_was_swept(tmp_path: Path) -> None:
    ended = launch(
        "--multirun", *SMALL, "hydra.sweep.dir=sweep", "tracker.tensorboard=true",
        "optimizer.learning_rate=1e-3,1e-2", "model.widths=[8],[16]", "data.augmentations=[]",
        cwd=tmp_path,
    )  # fmt: skip
    assert ended.code == 0, ended.err
    page = tmp_path / "sweep" / "sweep.html"
    assert f"Report    {page}" in ended.out
    assert page.read_text(encoding="utf-8").count("<tr data-trial") == 4
    experiment, groups = hyperparameter_tab(tmp_path / "sweep")
    names = {info.name for info in experiment.hparam_infos}
    assert {"optimizer.learning_rate", "model.widths", "seed"} <= names
    assert not any(name.startswith(("run", "tracker", "evaluation")) for name in names)
    assert "validation/accuracy" in {info.name.tag for info in experiment.metric_infos}
    found = {
        (
            group.hparams["optimizer.learning_rate"].number_value,
            group.hparams["model.widths"].string_value,
        )
        for group in groups
    }
    assert found == {(1e-3, "[8]"), (1e-3, "[16]"), (1e-2, "[8]"), (1e-2, "[16]")}
    for group in groups:
        assert "validation/accuracy" in {metric.name.tag for metric in group.metric_values}


def test_trials_are_a_group_in_wandb(tmp_path: Path) -> None:
    trial = Sweep(tmp_path / "first").trial(SMALL, 3, {"seed": 1})
    assert [word for word in trial.overrides if word.startswith(WANDB)] == [f"{WANDB}first"]


@pytest.mark.parametrize("key", ["tracker.wandb.group", "++tracker.wandb.group"])
def test_a_group_of_the_users_stays(tmp_path: Path, key: str) -> None:
    trial = Sweep(tmp_path / "first").trial((*SMALL, f"{key}=mine"), 3, {"seed": 1})
    assert [w for w in trial.overrides if "wandb.group" in w] == [f"{key}=mine"]
