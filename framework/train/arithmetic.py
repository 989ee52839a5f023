"""What a step computes: the operations that its model needs, and how fast that makes a run.

`experiments.plan` and the running experiment count the same way.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding

from framework.data import training_batches
from framework.parallel.rules import batch_partition
from framework.train.experiment import Experiment
from framework.train.program import Program
from framework.train.step import Batch, make_predict


def abstract_batch(experiment: Experiment, mesh: Mesh) -> Batch:
    """Shapes, types and shardings of a training batch, from two examples of the data."""
    data = replace(experiment.data, batch_size=2, workers=0)
    example = next(training_batches(data, seed=0, prefetch=0))
    sharding = NamedSharding(mesh, batch_partition(experiment.mesh))
    size = experiment.data.batch_size

    def abstract(array: Any) -> jax.ShapeDtypeStruct:
        dtype = jax.dtypes.canonicalize_dtype(array.dtype)
        return jax.ShapeDtypeStruct((size, *array.shape[1:]), dtype, sharding=sharding)

    found: Batch = jax.tree.map(abstract, example)
    return found


def model_operations(experiment: Experiment, program: Program) -> dict[str, float]:
    """Operations that a step needs: its forward pass, and twice that for the backward pass.

    What rematerialisation does again is not among them. The convention of PaLM (arXiv:2204.02311,
    appendix B); attention counts whole, also where half of it is masked.
    """
    from framework.parallel.operations import traced

    state = program.abstract_state(experiment.values())
    forward = make_predict(program.network, program.precision)
    batch = abstract_batch(experiment, program.mesh)
    found = traced(forward, state.params, state.model_state, state.values, batch)
    return {kind: 3 * count for kind, count in found.items()}


def tokens_per_step(experiment: Experiment) -> int | None:
    """Places of the sequences of a batch, padding included; None where there are none."""
    spec = experiment.data.spec
    if spec.labels.kind != "token" or not isinstance(spec.inputs, Mapping):
        return None
    return experiment.data.batch_size * math.prod(spec.inputs["tokens"].shape)


@dataclass
class Utilisation:
    """From steps a second to examples, tokens and the share of the devices' peak.

    Attributes:
        examples, tokens: in a step; None where the examples are no sequences.
        count: model operations of a step; traced once, when `learn` is called.
        device_kind, devices: JAX's name of the devices, and how many the mesh has.
    """

    examples: int
    tokens: int | None
    count: Callable[[], Mapping[str, float]]
    device_kind: str
    devices: int
    _flops: float | None = None
    _ideal: float | None = None

    @classmethod
    def of(cls, experiment: Experiment, program: Program) -> "Utilisation":
        """Of a run's program on its mesh."""
        return cls(
            examples=experiment.data.batch_size,
            tokens=tokens_per_step(experiment),
            count=lambda: model_operations(experiment, program),
            device_kind=program.mesh.devices.flat[0].device_kind,
            devices=program.mesh.size,
        )

    def learn(self) -> None:
        """Counts the operations: a trace of the forward pass, which may be made on a thread."""
        from framework.parallel.chips import chip_of
        from framework.parallel.roofline import compute_seconds

        operations, chip = self.count(), chip_of(self.device_kind)
        if chip is not None:
            self._ideal = compute_seconds(operations, chip, self.devices)
        self._flops = sum(operations.values())

    def speed(self, steps_per_second: float) -> dict[str, float]:
        """`examples_per_second`, `tokens_per_second`, and once the operations are known `mfu`;
        `model_flops_per_second` where the devices' peak is not known.
        """
        values = {
            "steps_per_second": steps_per_second,
            "examples_per_second": steps_per_second * self.examples,
        }
        if self.tokens is not None:
            values["tokens_per_second"] = steps_per_second * self.tokens
        if self._ideal is not None:
            values["mfu"] = steps_per_second * self._ideal
        elif self._flops is not None:
            values["model_flops_per_second"] = steps_per_second * self._flops
        return values
