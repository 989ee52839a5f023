"""Evaluation of all rows while they train: every batch of a split is predicted for all at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from framework.data import Data, evaluation_batches, on_mesh
from framework.evaluation import evaluate
from framework.train.experiment import Experiment
from framework.train.loop import Loop
from framework.train.packed.moment import Predictions, RowMoment
from framework.train.packed.program import PackedProgram
from framework.train.state import TrainState
from framework.train.training import watched

_KEPT = ("labels", "index", "mask")


def predictor(
    packed: PackedProgram, data: Data, split: str, batch_size: int, beat: Callable[[], None]
) -> Callable[[TrainState], Predictions]:
    """A function from a state of all rows to what each predicts on `split`."""
    forward = packed.predict()

    def predict(state: TrainState) -> Predictions:
        batches = evaluation_batches(data, split, batch_size=batch_size)
        found: Predictions = []
        waiting: list[tuple[Any, Mapping[str, Any]]] = []
        for batch in on_mesh(batches, lambda batch: jax.device_put(batch, packed.everywhere)):
            beat()
            outputs = forward(state.evaluated_params, state.model_state, state.values, batch)
            waiting.append((outputs, {name: batch[name] for name in _KEPT if name in batch}))
            if len(waiting) > 1:  # the devices compute one batch while another is fetched
                found.append(_fetched(*waiting.pop(0)))
        return [*found, *(_fetched(*each) for each in waiting)]

    return predict


def _fetched(outputs: Mapping[str, Any], kept: Mapping[str, Any]) -> dict[str, np.ndarray]:
    return {name: np.asarray(array) for name, array in {**outputs, **kept}.items()}


@dataclass
class RowWatch:
    """A row's `Watch`: at the interval it measures the row's share of the pack's predictions."""

    loop: Loop
    experiment: Experiment

    def on_step(self, moment: RowMoment) -> None:
        """Evaluates at the interval."""
        options = self.experiment.evaluation
        if moment.crosses(options.every) and moment.is_made:
            with self.loop.clock.during("evaluation"):
                found = self._measured(moment)
            named = {f"{options.split}/{name}": value for name, value in found.items()}
            self.loop.emit("on_eval", moment.step, named)

    def _measured(self, moment: RowMoment) -> dict[str, float]:
        batches = moment.all.predictions

        def own(batch: Mapping[str, np.ndarray]) -> dict[str, Any]:
            return {name: a[moment.row] for name, a in batch.items() if name not in _KEPT}

        experiment = self.experiment
        found = evaluate(
            own, _as_batches(batches), experiment.task, experiment.data.spec,
            experiment.evaluation.split,
        )  # fmt: skip
        return watched(experiment, found.metrics)


def _as_batches(batches: Predictions) -> Iterator[Mapping[str, np.ndarray]]:
    return iter(batches)
