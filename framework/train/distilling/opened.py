"""A teacher ready to speak: its predictions of the student's data, and how they are timed."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from framework.config import InvalidConfig, Problem
from framework.data import evaluation_batches
from framework.evaluation import Evaluation, evaluate
from framework.models.network import Network
from framework.train.distilling.teacher import Teacher
from framework.train.experiment import Experiment
from framework.train.predictor import Predictor
from framework.train.rebuilt import Say, rebuilt
from framework.train.step import make_predict
from framework.train.trained import open_run

Speak = Callable[[Any], Mapping[str, np.ndarray]]
_KEPT = ("probabilities", "predictions")


@dataclass(frozen=True)
class Speaker:
    """A model that predicts.

    Attributes:
        parameters, weight_bytes: how large it is.
        on: the evaluation of a split of the student's data.
        speak: gives what makes, of raw inputs on the host, predictions on the host, on one device;
            to be called under `no_mesh`.
    """

    parameters: int
    weight_bytes: int
    on: Callable[[str], Evaluation]
    speak: Callable[[], Speak]


def open_teacher(
    teacher: Teacher, student: Experiment, mesh: Mesh, say: Say,
    beat: Callable[[], None] = lambda: None,
) -> Speaker:  # fmt: skip
    """The teacher with its weights; predicts in batches of the student's evaluation.

    Args:
        say: told what is not as it was in the teacher's run.
        beat: called before each batch.

    Raises:
        InvalidConfig: the run cannot be built today, or the artifact takes other inputs.
        CheckpointDamaged: a file of the run's checkpoint is not as it was written.
    """
    if teacher.kind == "artifact":
        return _of_artifact(teacher, student, beat)
    with no_mesh():
        trained = open_run(teacher.path, teacher.step)
        own, _ = rebuilt(teacher.path, say)
    predictor = Predictor.of(replace(own, mesh=student.mesh), trained, mesh, batch_size_of(student))
    return speaker_of(replace(predictor, data=student.data, beat=beat))


def no_mesh() -> Any:
    """A context in which arrays lie on one device, also within that of a run's mesh."""
    return jax.set_mesh(Mesh(np.empty((), object), ()))


def speaker_of(predictor: Predictor) -> Speaker:
    """A network with weights, teacher or student."""
    parameters, weight_bytes = size_of(predictor.program.network)
    return Speaker(parameters, weight_bytes, predictor, lambda: _spoken(predictor))


def size_of(network: Network) -> tuple[int, int]:
    """How many parameters, and the bytes of all that is stored, as the model makes it."""
    stored = [*network.shapes.values(), *network.other_shapes.values()]
    return (
        sum(math.prod(one.shape) for one in network.shapes.values()),
        sum(math.prod(one.shape) * one.dtype.itemsize for one in stored),
    )


def batch_size_of(experiment: Experiment) -> int:
    """Of its evaluation."""
    return experiment.evaluation.batch_size or experiment.data.batch_size


def _of_artifact(teacher: Teacher, student: Experiment, beat: Callable[[], None]) -> Speaker:
    from framework.artifact import InvalidInput, load

    artifact = load(teacher.path)
    (name,) = artifact.about["signature"]["inputs"]

    def spoken(inputs: Any) -> dict[str, np.ndarray]:
        try:
            said = artifact.predict({name: np.asarray(inputs)})
        except InvalidInput as error:
            expected = "an artifact that takes the student's inputs"
            raise InvalidConfig(Problem("teacher", teacher.path, expected, str(error))) from error
        return {key: said[key] for key in _KEPT if key in said}

    def predict(batch: Mapping[str, Any]) -> Any:
        beat()
        return spoken(batch["inputs"])

    def on(split: str) -> Evaluation:
        batches = evaluation_batches(student.data, split, batch_size=batch_size_of(student))
        return evaluate(predict, batches, student.task, student.data.spec, split)

    model = artifact.about["model"]
    return Speaker(model["parameters"], model["weight_bytes"], on, lambda: spoken)


def _spoken(predictor: Predictor) -> Speak:
    """The forward pass on one device, whatever the mesh of the training."""
    program, device = predictor.program, jax.local_devices()[0]
    held = jax.device_get((predictor.params, predictor.others, predictor.values))
    params, others, values = jax.device_put(held, device)
    forward = jax.jit(make_predict(program.network, program.precision))

    def spoken(inputs: Any) -> Mapping[str, np.ndarray]:
        said: Mapping[str, np.ndarray] = jax.device_get(
            forward(params, others, values, {"inputs": inputs})
        )
        return said

    return spoken
