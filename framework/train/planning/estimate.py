"""What a candidate will take, by arithmetic alone: which ones are worth compiling, and in what
order. The ranking itself is by the compiled programs.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr
from jax.sharding import AbstractMesh

from framework.parallel import build_mesh, state_shardings
from framework.parallel.chips import Chip
from framework.parallel.operations import operations
from framework.parallel.roofline import compute_seconds
from framework.train.arithmetic import abstract_batch, tokens_per_step
from framework.train.experiment import Experiment
from framework.train.planning.candidates import Candidate, Sizes, on, with_candidate
from framework.train.state import TrainState, as_arrays, initialiser

# Links of a torus that one axis of a mesh can use.
_RING = 2


@dataclass(frozen=True)
class Estimate:
    """Bytes on a device and the least seconds of a step.

    Attributes:
        state: bytes of the train state; exact.
        kept: bytes that the forward pass leaves for the backward pass, at the least.
    """

    state: int
    kept: int
    seconds: float

    @property
    def resident(self) -> int:
        """Bytes that are there at once at the end of the forward pass, at the least."""
        return self.state + self.kept


@dataclass(frozen=True)
class Traced:
    """Of the step with one policy of rematerialisation, over all devices.

    Attributes:
        kept: bytes that loops over layers leave for the backward pass.
        carried: those of them that are the layers' own inputs.
    """

    operations: Mapping[str, float]
    kept: int
    carried: int


class Estimator:
    """Estimates for one experiment; each policy's step is traced once."""

    def __init__(self, experiment: Experiment, chip: Chip | None) -> None:
        """Traces the state's shapes; touches no device of the target."""
        self.experiment = experiment
        self.chip = chip
        self.network = experiment.network()
        make = initialiser(self.network, experiment.precision)
        values = as_arrays(experiment.values())
        self.state: TrainState = jax.eval_shape(make, np.uint32(0), values)
        self._traced: dict[str | None, Traced] = {}
        self._states: dict[tuple[int, ...], int] = {}

    def of(self, candidate: Candidate) -> Estimate:
        """The estimate of a candidate."""
        state, sizes = self.state_bytes(candidate.mesh), candidate.mesh
        traced = self.traced(candidate.remat)
        shares = self.experiment.mesh.batch_parts(sizes) * sizes["sequence"]
        kept = traced.carried // shares + (traced.kept - traced.carried) // math.prod(
            sizes.values()
        )
        return Estimate(state, kept, self._seconds(candidate, traced, state + kept))

    def state_bytes(self, sizes: Sizes) -> int:
        """Bytes of the train state on one device of a mesh."""
        key = tuple(sizes.values())
        if key not in self._states:
            options = on(self.experiment.mesh, sizes)
            mesh: Any = AbstractMesh(key, tuple(sizes))
            network = self.network
            shardings = state_shardings(self.state, network.axes, network.shapes, options, mesh)
            pairs = zip(jax.tree.leaves(self.state), jax.tree.leaves(shardings), strict=True)
            self._states[key] = sum(
                math.prod(where.shard_shape(leaf.shape)) * _itemsize(leaf) for leaf, where in pairs
            )
        return self._states[key]

    def traced(self, remat: str | None) -> Traced:
        """The step with this policy, traced as for one device."""
        if remat not in self._traced:
            alone = dict.fromkeys(self.experiment.mesh.sizes, 1)
            experiment = with_candidate(self.experiment, alone, remat)
            experiment = replace(experiment, mesh=replace(experiment.mesh, devices=1))
            mesh = build_mesh(experiment.mesh, jax.local_devices()[:1])
            program = experiment.program(experiment.network(), mesh)
            with jax.set_mesh(mesh):
                state = program.abstract_state(experiment.values())
                jaxpr = jax.make_jaxpr(program.step)(state, abstract_batch(experiment, mesh))
            kept, carried = _kept(jaxpr.jaxpr)
            self._traced[remat] = Traced(operations(jaxpr), kept, carried)
        return self._traced[remat]

    def _seconds(self, candidate: Candidate, traced: Traced, resident: int) -> float:
        """The largest of arithmetic, memory and each axis's communication; a tenth of the rest
        decides between candidates with the same.
        """
        sent = self._sent(candidate.mesh)
        if self.chip is None:
            return float(sum(sent.values()))
        devices = math.prod(candidate.mesh.values())
        rate = self.chip.interconnect * min(_RING / self.chip.links, 1.0)
        times = [
            compute_seconds(traced.operations, self.chip, devices),
            2 * resident / self.chip.bandwidth,
            *(count / rate for count in sent.values()),
        ]
        return max(times) + 0.1 * (sum(times) - max(times))

    def _sent(self, sizes: Sizes) -> dict[str, float]:
        """Bytes that a device sends along each axis: parameters and gradients as FSDP does,
        activations as Megatron's tensor parallelism and all-gathered keys and values do.
        """
        ways, axes = dict(sizes), self.network.axes
        count = sum(math.prod(array.shape) for array in self.network.shapes.values())
        dims = {
            name: size
            for path, names in axes.items()
            for name, size in zip(names, self.network.shapes[path].shape, strict=False)
        }
        compute = np.dtype(
            jax.dtypes.canonicalize_dtype(self.experiment.precision.compute)
        ).itemsize
        gradient = np.dtype(
            jax.dtypes.canonicalize_dtype(self.experiment.precision.gradient)
        ).itemsize
        tokens = tokens_per_step(self.experiment) or self.experiment.data.batch_size
        shards = self.experiment.mesh.batch_parts(sizes) * ways["sequence"]
        layer = tokens / shards * dims.get("embed", 0) * compute
        layers = dims.get("layers", 1)
        whole = count / ways["tensor"] / ways["expert"]
        part = whole / ways["fsdp"]
        narrow = dims.get("kv_heads", 1) * dims.get("head_dim", 0) / ways["tensor"]
        return {
            "fsdp": _others(ways["fsdp"]) * whole * (2 * compute + gradient),
            "data": 2 * _others(ways["data"] * ways["sequence"]) * part * gradient,
            "tensor": 8 * _others(ways["tensor"]) * layers * layer,
            "sequence": 6 * (ways["sequence"] - 1) * layers * tokens / shards * narrow * compute,
            "expert": 4 * _others(ways["expert"]) * layers * layer,
        }


def _others(ways: int) -> float:
    return (ways - 1) / ways


def _itemsize(leaf: Any) -> int:
    return int(leaf.dtype.itemsize)


def _kept(jaxpr: Jaxpr) -> tuple[int, int]:
    """Bytes of the arrays that the step's scans stack for later, and of those that are inputs
    carried from round to round.
    """
    kept = carried = 0
    for equation in jaxpr.eqns:
        if equation.primitive.name == "scan":
            # What a round gives is stacked, where it is not carried on to the next.
            given = equation.params["jaxpr"].jaxpr.outvars
            pairs = list(zip(map(_shape, given), equation.outvars, strict=True))
            carries = {one for one, variable in pairs if one == _shape(variable)}
            for one, variable in pairs:
                if one != _shape(variable):
                    size = math.prod(_shape(variable)) * _itemsize(variable.aval)
                    kept += size
                    carried += size if one in carries else 0
        else:
            for value in equation.params.values():
                if isinstance(value, ClosedJaxpr | Jaxpr):
                    inner = value.jaxpr if isinstance(value, ClosedJaxpr) else value
                    more = _kept(inner)
                    kept, carried = kept + more[0], carried + more[1]
    return kept, carried


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(map(int, variable.aval.shape))
