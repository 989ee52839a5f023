"""The object tree that one composed config builds."""

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flax import nnx

from framework.checkpoint import CheckpointOptions
from framework.config import FolderName, Seed
from framework.config.arguments import parameters_of
from framework.data import Data
from framework.models.network import Network
from framework.optim import Optimizer
from framework.parallel import DistributedOptions, MeshOptions, Precision
from framework.run import RunOptions
from framework.spec import Field
from framework.tasks import Task
from framework.tracking import TrackerOptions
from framework.train.options import EvaluationOptions, Trainer
from framework.train.program import Program
from framework.train.state import Values


@dataclass(frozen=True)
class Experiment:
    """One experiment: any part of it can be replaced from the command line.

    `data_schema` is a file that the data must agree with, as `experiments.check_data` writes it.
    `teacher` is a run or an artifact whose outputs are learnt, with the task Distillation.
    """

    name: FolderName
    data: Data
    task: Task
    model: Callable[..., nnx.Module]
    optimizer: Optimizer
    schedule: Callable[..., Any]
    mesh: MeshOptions
    precision: Precision
    trainer: Trainer
    checkpoint: CheckpointOptions
    evaluation: EvaluationOptions
    tracker: TrackerOptions
    run: RunOptions
    distributed: DistributedOptions = field(default_factory=DistributedOptions)
    seed: Seed = 0
    data_schema: Path | None = None
    teacher: Path | None = None

    def network(self) -> Network:
        """The model, fitted to the data's inputs and the task's outputs; allocates nothing.

        Raises:
            InvalidConfig: the model does not fit them.
        """
        return fitted(self.model, self.data.spec.inputs, self.task.outputs(self.data.spec))

    def values(self) -> Values:
        """The numbers that a sweep may vary."""
        return Values(
            task=self.task,
            optimizer=self.optimizer,
            schedule=self.schedule,
            preprocess=self.data.preprocess,
            average_decay=self.trainer.average_decay,
            bad_steps=self.trainer.bad_steps,
        )

    def program(self, network: Network, mesh: Any) -> Program:
        """The programs of this experiment on `mesh`."""
        return Program(
            network=network,
            precision=self.precision,
            mesh_options=self.mesh,
            mesh=mesh,
            steps=self.trainer.steps,
            accumulate=self.trainer.accumulate,
            deterministic=self.trainer.deterministic,
        )


def fitted(
    model: Callable[..., nnx.Module], inputs: Field | Mapping[str, Field], outputs: int
) -> Network:
    """The network of a model's constructor on such inputs; traced once, as it is asked for twice.

    Raises:
        InvalidConfig: the model does not fit them.
    """
    return _traced(model, inputs if isinstance(inputs, Field) else tuple(inputs.items()), outputs)


@functools.lru_cache(maxsize=4)
def _traced(
    model: Callable[..., nnx.Module], inputs: Field | tuple[tuple[str, Field], ...], outputs: int
) -> Network:
    fields = inputs if isinstance(inputs, Field) else dict(inputs)
    supplied = {"inputs": fields, "outputs": outputs}
    return Network.of(lambda rngs: build_model(model, supplied, rngs))


def build_model(
    model: Callable[..., nnx.Module], supplied: dict[str, Any], rngs: nnx.Rngs
) -> nnx.Module:
    """Calls a model's constructor with what it takes of `supplied` and the config does not give."""
    parameters = parameters_of(getattr(model, "func", model))
    open_ended = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    given = getattr(model, "keywords", {})
    taken = {
        name: value
        for name, value in supplied.items()
        if (name in parameters or open_ended) and name not in given
    }
    return model(**taken, rngs=rngs)
