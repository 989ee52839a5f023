"""Which jobs can be rows of one program."""

from dataclasses import replace
from typing import Any

import pytest

from framework.train.options import Profile
from framework.train.packed.alike import alone, convolutions, kind, obstacle, together
from tests.train.packed.jobs import CNN, DROPOUT, MLP, TRANSFORMER, plain, program_of


def kind_of(*words: str) -> Any:
    given = plain(*words)
    return kind(given, program_of(given))


@pytest.mark.parametrize(
    "words",
    [
        "seed=5", "optimizer.learning_rate=1e-5", "optimizer.weight_decay=0.3",
        "task.label_smoothing=0.1", "model.dropout=0.1", "run.dir=/somewhere/else",
        "schedule.warmup=7", "mesh=single",
    ],
)  # fmt: skip
def test_values_make_no_other_program(words: str) -> None:
    assert kind_of(*DROPOUT) == kind_of(*DROPOUT, words)


@pytest.mark.parametrize(
    "words",
    [
        "model.widths=[8]", "model.dropout=null", "trainer.steps=60", "data.batch_size=8",
        "optimizer=sgd", "optimizer.rule.b2=0.9", "evaluation.every=20", "precision=bfloat16",
        "optimizer.clip_norm=null", "data.augmentations=[]", "trainer.average_decay=0.9",
    ],
)  # fmt: skip
def test_structure_does(words: str) -> None:
    assert kind_of(*DROPOUT) != kind_of(*DROPOUT, words)


def test_a_model_with_convolutions_is_no_row_on_a_cpu() -> None:
    cnn, mlp, lm = plain(*CNN), plain(*MLP), plain(*TRANSFORMER)
    said = str(convolutions(alone(cnn.experiment), program_of(cnn)))
    assert "launch.packed=true" in said
    assert "convolutions" in said
    assert "three times slower" in said
    for other in (mlp, lm):
        assert convolutions(alone(other.experiment), program_of(other)) is None


def test_what_no_row_can_do_is_refused_by_name() -> None:
    given = plain(*MLP).experiment
    assert obstacle(given) is None

    def said(**trainer: Any) -> str:
        return str(obstacle(replace(given, trainer=replace(given.trainer, **trainer))))

    assert "trainer.deterministic=false" in said(deterministic=True)
    assert "trainer.profile=null" in said(profile=Profile())
    assert "trainer.debug_nans=false" in said(debug_nans=True)
    divided = replace(given, mesh=replace(given.mesh, fsdp=2, tensor=2))
    assert "mesh.fsdp, mesh.tensor" in str(obstacle(divided))


def test_rows_begin_where_all_are() -> None:
    assert together([[], [], []], 100) == {0: [0, 1, 2]}
    assert together([[100, 200], [100, 200]], 100) == {200: [0, 1]}


def test_a_kill_between_two_saves_costs_one_interval() -> None:
    assert together([[100, 200], [100], [100, 200]], 100) == {100: [0, 1, 2]}


def test_a_row_goes_back_no_further_than_that() -> None:
    """One that kept its best, an early one, does not lose all that came after."""
    assert together([[100, 800, 900], [100]], 100) == {100: [1], 900: [0]}
    assert together([[100, 200], []], 100) == {0: [1], 200: [0]}
    assert together([[100, 200], [200]], None) == {200: [0, 1]}
