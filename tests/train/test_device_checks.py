"""What must hold between an experiment and its devices."""

from dataclasses import replace
from functools import partial

from framework.models import CNN
from framework.parallel import MeshOptions
from framework.train import checks
from framework.train.device_checks import activations_divide
from framework.train.options import EvaluationOptions, Trainer
from tests.train.parts import DATA, parts, said


def test_parameters_divide_over_the_mesh() -> None:
    mesh = MeshOptions(fsdp=2, devices=2, rules={"embed": "fsdp", "mlp": "fsdp", "classes": "fsdp"},
                       replicate_if_uneven=("embed",))  # fmt: skip
    lines = said(checks.check_parts(parts(mesh=mesh)))
    assert len(lines) == 1  # the head's bias; its kernel is divided along the other axis
    assert "expected an axis that divides classes=3 of head/bias (3,) (it is 2)" in lines[0]


def test_batches_divide_over_the_mesh_and_the_microbatches() -> None:
    mesh = MeshOptions(data=2, devices=2, rules={"batch": "data"})
    found = parts(mesh=mesh, trainer=Trainer(10, accumulate=2), data=replace(DATA, batch_size=6),
                  evaluation=EvaluationOptions(batch_size=3))  # fmt: skip
    assert said(checks.check_parts(found)) == [
        "data.batch_size=6: expected a multiple of 4 (2 batch shards of the mesh × "
        "trainer.accumulate=2)",
        "evaluation.batch_size=3: expected a multiple of 2 (the mesh's shards)",
    ]


def test_what_a_model_computes_must_divide_too() -> None:
    network = checks.fitted(partial(CNN, channels=(4,), dense=None), DATA.spec.inputs, 10)
    for devices, lines in ((3, 0), (4, 1)):
        options = MeshOptions(tensor=devices, rules={"height": "tensor"})
        found = said(activations_divide(network, options, devices, DATA, Trainer(steps=3)))
        assert len(found) == lines
    assert (
        "mesh.rules.height=tensor: expected an axis that divides height=6 of an activ" in found[0]
    )
