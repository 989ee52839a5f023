"""The ready-made experiments on real data reach what they promise."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from sklearn.ensemble import HistGradientBoostingClassifier

from framework.config.build import require
from framework.config.diagnose import as_plain
from tests.experiments.launch import ROOT, launch

QUICKLY = ("mesh=single", "tracker=none")


def accuracy(run: Path) -> float:
    found: float = json.loads((run / "evaluation/test/metrics.json").read_text())["accuracy"]
    return found


def composed_data(*words: str) -> Any:
    with initialize_config_dir(str(ROOT / "configs"), version_base="1.3"):
        return require(as_plain(compose("config", overrides=list(words)))["data"], "data")


def columns(data: Any, split: str) -> tuple[np.ndarray, np.ndarray]:
    batch = data.splits[split].gather(np.arange(len(data.splits[split])))
    inputs = batch["inputs"]
    return np.hstack([inputs["numeric"], inputs["categorical"]]), batch["labels"]


@pytest.mark.long
def test_employment_is_as_good_as_boosted_trees(tmp_path: Path, shared_data: Path) -> None:
    words = ("experiment=employment", f"data.path={shared_data / 'employment'}")
    ended = launch(*words, *QUICKLY, f"run.dir={tmp_path / 'run'}", cwd=tmp_path)
    assert ended.code == 0, ended.err
    data = composed_data(*words)
    trees = HistGradientBoostingClassifier(random_state=0).fit(*columns(data, "train"))
    assert accuracy(tmp_path / "run") >= trees.score(*columns(data, "test")) - 0.01


def test_fashion_mnist_learns_from_the_first_steps(tmp_path: Path, shared_data: Path) -> None:
    words = ("experiment=fashion_mnist", f"data.path={shared_data / 'fashion_mnist'}")
    small = ("model=mlp", "trainer.steps=200", "trainer.average_decay=null", "evaluation=quick")
    ended = launch(*words, *QUICKLY, *small, "checkpoint=none", f"run.dir={tmp_path}", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert accuracy(tmp_path) > 0.75
    saved = np.load(tmp_path / "evaluation/test/predictions.npz")
    assert saved["probabilities"].shape == (10_000, 10)
