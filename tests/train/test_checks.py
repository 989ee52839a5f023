"""What must hold between the parts of an experiment."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from flax import nnx

from framework.checkpoint import CheckpointOptions
from framework.config import InvalidConfig, Problem
from framework.data import ArraySource, Data, Mixup, RandomFlip
from framework.models import CNN, MLP
from framework.parallel import MeshOptions
from framework.train import checks
from framework.train.options import EarlyStopping, EvaluationOptions, Trainer
from tests.train.parts import DATA, parts, said


def empty(data: Data, split: str) -> Data:
    nothing = ArraySource("none", np.zeros((0, 6, 6), np.uint8), np.zeros(0, np.int32))
    return replace(data, splits={**data.splits, split: nothing})


def test_parts_that_fit_have_no_problems() -> None:
    assert checks.check_parts(parts()) == []


def test_one_wrong_part_does_not_hide_what_is_wrong_between_the_others() -> None:
    found = parts(evaluation=EvaluationOptions(split="vali"), mesh=MeshOptions(devices=3, data=2))
    found.pop("trainer")
    assert [problem.key for problem in checks.check_parts(found)] == ["evaluation.split"]
    found = parts(evaluation=EvaluationOptions(split="vali"), mesh=MeshOptions(devices=3, data=2))
    found.pop("task")
    assert [problem.key for problem in checks.check_parts(found)] == ["evaluation.split", "mesh"]


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_an_empty_split(split: str) -> None:
    lines = said(checks.splits_exist(empty(DATA, split), EvaluationOptions()))
    assert lines[0].endswith("expected a split that holds examples (this one is empty)")


def test_a_split_that_nothing_reads_may_be_missing() -> None:
    alone = replace(DATA, splits={"train": DATA.splits["train"]})
    assert said(checks.splits_exist(alone, EvaluationOptions(every=None, final=()))) == []


def test_intervals_end_where_calls_do() -> None:
    trainer = Trainer(steps=12, steps_per_call=4, log_every=6)
    lines = said(checks.intervals_divide(trainer, EvaluationOptions(every=8),
                                         CheckpointOptions(every=None)))  # fmt: skip
    assert lines == ["trainer.log_every=6: expected a multiple of trainer.steps_per_call=4"]
    assert said(checks.intervals_divide(
        replace(trainer, steps_per_call="auto"), EvaluationOptions(), CheckpointOptions()
    )) == []  # fmt: skip


def test_a_metric_of_one_class_can_be_watched() -> None:
    found = parts(trainer=Trainer(10, early_stopping=EarlyStopping("recall/a")),
                  checkpoint=CheckpointOptions(5, metric="recall/zebra"))  # fmt: skip
    (problem,) = checks.check_parts(found)
    assert problem.key == "checkpoint.metric"


@pytest.mark.parametrize(
    ("checkpoint", "evaluation", "keys"),
    [
        (CheckpointOptions(10, metric="a"), EvaluationOptions(5), []),
        (CheckpointOptions(10, metric="a"), EvaluationOptions(4), ["checkpoint.every"]),
        (CheckpointOptions(10, metric="a", keep_best=0), EvaluationOptions(4), []),
        (CheckpointOptions(10), EvaluationOptions(4), []),
        (CheckpointOptions(10, metric="a"), EvaluationOptions(None), []),
        (CheckpointOptions(None), EvaluationOptions(None, weights="best"),
         ["checkpoint.metric", "checkpoint.every", "evaluation.every"]),
        (CheckpointOptions(10, keep_best=0, metric="a"), EvaluationOptions(5, weights="best"),
         ["checkpoint.keep_best"]),
    ],
)  # fmt: skip
def test_the_best_checkpoint_can_be_known(
    checkpoint: CheckpointOptions, evaluation: EvaluationOptions, keys: list[str]
) -> None:
    found = [problem.key for problem in checks.best_can_be_known(checkpoint, evaluation)]
    assert found == keys


class Doubled:
    def __call__(self, batch: Mapping[str, Any], keys: np.ndarray) -> dict[str, Any]:
        return {**batch, "inputs": batch["inputs"]["pixels"]}


class Refused:
    def __call__(self, batch: Mapping[str, Any], keys: np.ndarray) -> dict[str, Any]:
        raise InvalidConfig(Problem("pixels", 9, "fewer"))


def test_augmentations_are_tried() -> None:
    def tried(*augmentations: Any, data: Data = DATA) -> list[str]:
        return said(checks.augmentations_fit(replace(data, augmentations=augmentations)))

    assert tried(RandomFlip(), Mixup()) == []
    (line,) = tried(RandomFlip(), Doubled())
    assert line.startswith("data.augmentations.1=Doubled: expected an augmentation that runs")
    assert "(test_checks.py:" in line
    assert tried(Refused()) == ["data.augmentations.0.pixels=9: expected fewer"]
    assert tried(Doubled(), data=empty(DATA, "train")) == []


class Silent(nnx.Module):
    """Gives numbers of a fixed width; says that it cannot be built or run, as it is told."""

    def __init__(self, fails: str = "", *, inputs: Any, outputs: int, rngs: nnx.Rngs) -> None:
        if fails == "build":
            raise ZeroDivisionError("no mirrors")
        if fails == "refuse":
            raise InvalidConfig(Problem("fails", fails, "another"))
        self.fails = fails
        self.layer = nnx.Linear(36, 3, rngs=rngs)

    def __call__(self, inputs: Any, *, train: bool, rngs: Any = None) -> Any:
        if self.fails == "late":
            raise InvalidConfig(Problem("fails", "late", "earlier"))
        if self.fails == "run":
            raise KeyError("lens")
        if self.fails == "width":
            return self.layer(inputs.reshape(inputs.shape[0], -1))[:, :2]
        return {"logits": 1}


@pytest.mark.parametrize(
    ("fails", "expected"),
    [
        ("build", "model=Silent: expected a model for this data's inputs; "
                  "ZeroDivisionError: no mirrors (test_checks.py:"),
        ("refuse", "model.fails=refuse: expected another"),
        ("late", "model.fails=late: expected earlier"),
        ("run", "model=Silent: expected a model that runs on this data's inputs; KeyError: 'lens'"),
        ("width", "model.outputs=2: expected 3, one for each of the data's class labels"),
        ("shape", "model.outputs=null: expected 3"),
    ],
)  # fmt: skip
def test_a_model_that_does_not_fit(fails: str, expected: str) -> None:
    lines = said(checks.check_parts(parts(model=partial(Silent, fails))))
    assert len(lines) == 1
    assert lines[0].startswith(expected)


def test_a_model_that_was_built_already() -> None:
    model = MLP(widths=(4,), inputs=DATA.spec.inputs, outputs=3, rngs=nnx.Rngs(0))
    (line,) = said(checks.check_parts(parts(model=model)))
    assert "add `_partial_: true` to its file" in line


def test_parts_of_a_users_own_need_no_checks_of_their_own() -> None:
    assert said(checks.schedule_fits(SimpleNamespace(), Trainer(steps=3))) == []
    assert said(checks.check_parts(parts(model=partial(CNN, channels=(4,), dense=None)))) == []
