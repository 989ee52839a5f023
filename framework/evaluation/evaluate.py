"""Runs a task over a split: the one way to numbers, in training and after it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import numpy as np

from framework.spec import Labels, Spec

# Two batches in flight: the device computes one while the host fetches the other.
_AHEAD = 2


class Measures(Protocol):
    """The part of a task that evaluation needs."""

    def metrics(
        self, predictions: Mapping[str, np.ndarray], labels: np.ndarray, spec: Spec
    ) -> dict[str, float]:
        """Numbers by full name; NaN where one is not defined."""
        ...


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What a model said about a split, and how good that is.

    Attributes:
        split: name of the split.
        metrics: numbers by full name; NaN where one is not defined.
        predictions: `probabilities` [n, classes] or `predictions` [n, targets], `labels` as the
            batches gave them, and `index` int32 [n], each example's position in the split.
    """

    split: str
    metrics: dict[str, float]
    predictions: dict[str, np.ndarray]

    def is_usual(self, labels: Labels) -> bool:
        """Whether the predictions are those of the framework's own tasks: probabilities or
        numbers [n, width], or of tokens their likelihoods [n, length]. Others, of a task of a
        user's own, have metrics and no pictures.
        """
        if labels.kind == "token":
            shape = self.predictions["labels"].shape
            names = ("log_likelihood", "confidence", "correct")
            return all(n in self.predictions and self.predictions[n].shape == shape for n in names)
        name = "predictions" if labels.kind == "number" else "probabilities"
        found = self.predictions.get(name)
        return found is not None and found.shape == (len(self.predictions["index"]), labels.width)


def evaluate(
    predict: Callable[[Any], Mapping[str, jax.Array]],
    batches: Iterable[Mapping[str, Any]],
    task: Measures,
    spec: Spec,
    split: str,
) -> Evaluation:
    """Predicts every batch and measures all of them together.

    The next batch is dispatched before the last one's predictions are fetched, so the device
    does not wait for the host. Rows whose `mask` is False are padding and are dropped; a batch
    without `mask` has none.

    Args:
        predict: from a batch on the devices to arrays with a row for each example. Outputs (and
            labels, index and mask) must be readable here; an array that lies on several
            processes is gathered from all of them.
        batches: with `labels` and `index`, perhaps `mask`, and what `predict` reads.
        task: gives the metrics.
        spec: of the data.
        split: its name, for the record.

    Raises:
        ValueError: the split has no examples.
    """
    waiting: list[dict[str, Any]] = []
    parts: list[dict[str, np.ndarray]] = []
    for batch in batches:
        kept = {name: batch[name] for name in ("labels", "index", "mask") if name in batch}
        waiting.append(_dispatched({**predict(batch), **kept}))
        if len(waiting) >= _AHEAD:
            parts.append(_fetched(waiting.pop(0)))
    parts.extend(map(_fetched, waiting))
    if not sum(len(part["index"]) for part in parts):
        raise ValueError(f"the split '{split}' has no examples: there is nothing to evaluate")
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    labels = joined["labels"]
    outputs = {name: joined[name] for name in joined if name not in ("labels", "index")}
    return Evaluation(split, task.metrics(outputs, labels, spec), joined)


def _dispatched(arrays: dict[str, Any]) -> dict[str, Any]:
    """Starts the copies to the host without waiting for them."""
    for array in arrays.values():
        if isinstance(array, jax.Array) and array.is_fully_addressable:
            array.copy_to_host_async()
    return arrays


def _fetched(arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    """The rows that are no padding, as host arrays of types that NumPy itself knows."""
    host = {name: _on_host(array) for name, array in arrays.items()}
    mask = host.pop("mask", None)
    return host if mask is None else {name: rows[mask.astype(bool)] for name, rows in host.items()}


def _on_host(array: Any) -> np.ndarray:
    if isinstance(array, jax.Array) and not array.is_fully_addressable:
        if array.is_fully_replicated:
            array = array.addressable_data(0)
        else:
            from jax.experimental import multihost_utils

            array = multihost_utils.process_allgather(array, tiled=True)
    host = np.asarray(array)
    # bfloat16 and its kin are foreign to np.save and to most readers of predictions.npz.
    return host.astype(np.float32) if host.dtype.kind == "V" else host
