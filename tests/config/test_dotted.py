"""A choice of a group that was written with dots is refused: Hydra may pass over it."""

from pathlib import Path

import pytest

from framework.config.command import CONFIGS
from framework.config.dotted import dotted_choices


def found(*words: str, extra: Path | None = None) -> list[str]:
    folders = [CONFIGS] if extra is None else [CONFIGS, extra]
    return [str(problem) for problem in dotted_choices(words, folders)]


def test_each_is_told_how_to_write_it() -> None:
    words = ("hydra.launcher=slurm", "seed=0,1", "hydra.sweeper.pruner=median")
    assert found(*words, "data.tokenizer=bpe") == [
        "hydra.launcher=slurm: expected the group hydra/launcher to be written with a slash; "
        "hydra/launcher=slurm",
        "hydra.sweeper.pruner=median: expected the group hydra/sweeper/pruner to be written with a "
        "slash; hydra/sweeper/pruner=median",
        "data.tokenizer=bpe: expected the group data/tokenizer to be written with a slash; "
        "data/tokenizer=bpe",
    ]


def test_one_that_is_no_choice_either() -> None:
    (line,) = found("hydra.sweeper.sampler=tpee")
    assert line.endswith("did you mean 'tpe'? choices: cmaes, nsga2, qmc, random, tpe")


def test_groups_of_the_users_own_are_known(tmp_path: Path) -> None:
    (tmp_path / "hydra" / "launcher").mkdir(parents=True)
    (tmp_path / "hydra" / "launcher" / "mine.yaml").write_text("{}\n")
    assert len(found("hydra.launcher=mine", extra=tmp_path)) == 1


@pytest.mark.parametrize(
    "word",
    ["hydra/launcher=slurm", "hydra.launcher={partition: gpu}", "hydra.sweeper.pruner=null",
     "hydra.sweeper.n_trials=5", "data.tokenizer=tokens.json", "model.depth=3", "--multirun"],
)  # fmt: skip
def test_words_that_mean_what_they_say_are_left_alone(word: str) -> None:
    assert found(word) == []
