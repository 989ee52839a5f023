"""Small programs of every part of the framework, on random images that can be learnt."""

import functools
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
import optax

from framework.data.preprocess import Images
from framework.models import CNN, MLP, Network
from framework.optim import Constant, Optimizer
from framework.parallel import MeshOptions, Precision, batch_putter, build_mesh
from framework.spec import Field
from framework.tasks import Classification
from framework.train.experiment import build_model
from framework.train.program import Program
from framework.train.state import TrainState, Values

IMAGE, CLASSES, BATCH = Field((8, 8, 1), "float32"), 5, 16
RULES = {
    "batch": ("replica", "data", "fsdp"), "embed": "fsdp", "mlp": ("tensor", "fsdp"),
    "channels_out": "fsdp",
}  # fmt: skip
MODELS = {
    "mlp": partial(MLP, widths=(16, 24)),
    "cnn": partial(CNN, channels=(8,), convolutions=1, dense=16),
    "mlp_dropout": partial(MLP, widths=(16,), dropout=0.4),
}


@dataclass(frozen=True)
class Small:
    """A program, the values it starts with, and its mesh."""

    program: Program
    values: Values

    def start(self, **changes: Any) -> TrainState:
        """A new state, with some fields of the values replaced."""
        return self.program.initial_state(self.values.replace(**changes), seed=0)

    @property
    def abstract(self) -> TrainState:
        return self.program.abstract_state(self.values)

    def train(self, state: TrainState, batches: list[dict[str, Any]]) -> tuple[TrainState, list]:
        """One step for each batch; the metrics of each."""
        call = self.program.call(1, self.abstract)
        put = batch_putter(self.program.mesh_options, self.program.mesh)
        found = []
        for batch in batches:
            state, metrics = call(state, put(batch))
            found.append({name: float(value) for name, value in metrics.items()})
        return state, found


@functools.cache
def small(
    model: str = "mlp", *, accumulate: int = 1, steps: int = 40, devices: int = 1,
    average_decay: float | None = None, **axes: int,
) -> Small:  # fmt: skip
    """The program of one of `MODELS` on so many devices, with AdamW; made once for all tests."""
    mesh = MeshOptions(
        **axes, devices=devices, rules=RULES, replicate_if_uneven=("embed", "mlp", "channels_out")
    )
    supplied = {"inputs": IMAGE, "outputs": CLASSES}
    network = Network.of(lambda rngs: build_model(MODELS[model], supplied, rngs))
    values = Values(
        task=Classification(label_smoothing=0.1),
        optimizer=Optimizer(1e-2, optax.scale_by_adam, weight_decay=0.1, clip_norm=1.0),
        schedule=Constant(warmup=5),
        preprocess=Images(mean=128.0, std=64.0),
        average_decay=average_decay,
    )
    return Small(Program(network, Precision(), mesh, build_mesh(mesh), steps, accumulate), values)


def batches(count: int) -> list[dict[str, Any]]:
    """Noisy images whose brightest fifth of the rows says the class."""
    random = np.random.default_rng(0)
    found, index = [], np.arange(BATCH, dtype=np.int32)
    for _ in range(count):
        labels = random.integers(0, CLASSES, BATCH).astype(np.int32)
        images = random.integers(0, 200, (BATCH, 8, 8), dtype=np.uint8)
        images[index, labels] += 55
        found.append({"inputs": images, "labels": labels, "index": index})
    return found


def stacked(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Batches as one with a leading axis."""
    return dict(jax.tree.map(lambda *arrays: np.stack(arrays), *parts))
