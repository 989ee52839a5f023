"""A trained model on its mesh, asked for its predictions of whole splits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
from jax.sharding import Mesh

from framework.data import Data, Source, evaluation_batches, on_mesh
from framework.evaluation import Evaluation, evaluate
from framework.models.network import Arrays
from framework.parallel import batch_putter, process_rows
from framework.tasks import Task
from framework.train.experiment import Experiment
from framework.train.program import Program
from framework.train.state import Values, as_arrays
from framework.train.trained import Trained


@dataclass(frozen=True)
class Predictor:
    """Predictions of weights that do not change.

    Attributes:
        params: parameter path to array.
        others: the model's other variables.
        batch_size: examples in a batch.
        beat: called before each batch.
    """

    program: Program
    data: Data
    task: Task
    values: Values
    params: Arrays
    others: Arrays
    batch_size: int
    beat: Callable[[], None] = lambda: None

    @classmethod
    def of(
        cls, experiment: Experiment, trained: Trained, mesh: Mesh, batch_size: int | None = None
    ) -> "Predictor":
        """A run's model, its weights laid out as the mesh has them."""
        program = experiment.program(trained.network, mesh)
        lie = program.abstract_state(experiment.values())
        return cls(
            program, experiment.data, experiment.task, as_arrays(experiment.values()),
            _placed_like(trained.params, lie.params), _placed_like(trained.others, lie.model_state),
            batch_size or experiment.data.batch_size,
        )  # fmt: skip

    def __call__(self, split: str, *, embed: bool = False) -> Evaluation:
        """Predictions of every example of `split`, and their metrics.

        With `embed`, the predictions have `embedding` [n, width] too.
        """
        program, size = self.program, self.batch_size
        put = batch_putter(program.mesh_options, program.mesh)
        rows = process_rows(program.mesh_options, program.mesh, size)
        batches = evaluation_batches(self.data, split, batch_size=size, rows=rows)
        forward = program.embed if embed else program.predict

        def predict(batch: dict[str, Any]) -> dict[str, jax.Array]:
            self.beat()
            return forward(self.params, self.others, self.values, batch)

        return evaluate(predict, on_mesh(batches, put), self.task, self.data.spec, split)

    def on(self, name: str, source: Source) -> "Predictor":
        """The same, with another split called `name`."""
        return replace(self, data=replace(self.data, splits={**self.data.splits, name: source}))


def _placed_like(arrays: Mapping[str, jax.Array], like: Mapping[str, Any]) -> dict[str, jax.Array]:
    """The arrays where the program wants them."""
    return {name: jax.device_put(array, like[name].sharding) for name, array in arrays.items()}
