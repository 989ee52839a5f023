"""A trained model on its mesh, asked for its predictions of whole splits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax

from framework.data import Data, Source, evaluation_batches, on_mesh
from framework.evaluation import Evaluation, evaluate
from framework.models.network import Arrays
from framework.parallel import batch_putter, process_rows
from framework.tasks import Task
from framework.train.program import Program
from framework.train.state import Values


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
