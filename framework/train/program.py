"""The compiled programs of a run: the step, once or several times in a call, and predictions."""

import functools
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from framework.models.network import Network
from framework.parallel import MeshOptions, Precision, placed, state_shardings
from framework.train.state import TrainState, Values, as_arrays, initialiser
from framework.train.step import Batch, Metrics, Step, make_predict, make_step

# Random initialisers take LLVM five times as long to optimise as they take to run; the numbers
# stay the same.
_RUN_ONCE = {"xla_backend_optimization_level": 1}
# No operation whose order of sums varies, and no algorithm chosen by timing it (openxla/xla#12520).
_SAME_BITS = {"xla_gpu_deterministic_ops": True}

Call = Callable[[TrainState, Batch], tuple[TrainState, Metrics]]


@dataclass(frozen=True)
class Program:
    """A network on a mesh: how its state is made, advanced and asked for predictions.

    Attributes:
        deterministic: on GPUs, only operations and algorithms that give the same bits each time.
    """

    network: Network
    precision: Precision
    mesh_options: MeshOptions
    mesh: Mesh
    steps: int
    accumulate: int
    deterministic: bool = False

    def abstract_state(self, values: Values) -> TrainState:
        """Shapes, types and shardings of the state: what a checkpoint is restored into."""
        shapes = jax.eval_shape(self._initialise, np.uint32(0), as_arrays(values))
        abstract: TrainState = jax.tree.map(
            lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding),
            shapes,
            state_shardings(
                shapes, self.network.axes, self.network.shapes, self.mesh_options, self.mesh
            ),
        )
        return abstract

    def initial_state(self, values: Values, seed: int) -> TrainState:
        """A new state, each part of it made on the device where it lies."""
        shardings = _shardings(self.abstract_state(values))
        key = _hashable(shardings)
        if key not in self._makers:
            self._makers[key] = jax.jit(
                self._initialise,
                out_shardings=shardings,
                compiler_options=_RUN_ONCE if self._platform == "cpu" else self._compiler_options,
            )
        state: TrainState = self._makers[key](np.uint32(seed), as_arrays(values))
        return state

    @functools.cached_property
    def _makers(self) -> dict[Hashable, Callable[..., Any]]:
        """Jitted initialisers by where the state lies."""
        return {}

    @functools.cached_property
    def _initialise(self) -> Callable[[Any, Values], TrainState]:
        """One function for all who call it, so that JAX traces it once."""
        return initialiser(self.network, self.precision)

    @functools.cached_property
    def step(self) -> Step:
        """The pure step, not compiled."""
        step = make_step(self.network, self.precision, steps=self.steps, accumulate=self.accumulate)
        return placed(step, self.mesh_options, self.mesh)

    def call(self, size: int, abstract: TrainState) -> Call:
        """The step compiled with donated state; `size` > 1 scans over stacked batches.

        The same function for the same arguments: JAX compiles it once.
        """
        shardings = _shardings(abstract)
        key = (size, _hashable(shardings))
        if key not in self.calls:
            self.calls[key] = self._call(size, shardings)
        return self.calls[key]

    @functools.cached_property
    def calls(self) -> dict[Hashable, Call]:
        """Steps that were asked for, by their number in a call and where the state lies."""
        return {}

    def _call(self, size: int, shardings: Any) -> Call:
        step = self.step

        def several(state: TrainState, batches: Batch) -> tuple[TrainState, Metrics]:
            return jax.lax.scan(step, state, batches)

        return jax.jit(
            step if size == 1 else several,
            donate_argnums=0,
            out_shardings=(shardings, self.everywhere),
            compiler_options=self._compiler_options,
        )

    @functools.cached_property
    def predict(self) -> Callable[..., dict[str, jax.Array]]:
        """Predictions on a batch, whole on every device so that any process can read them."""
        return self._whole(make_predict(self.network, self.precision))

    @functools.cached_property
    def embed(self) -> Callable[..., dict[str, jax.Array]]:
        """As `predict`, with the embedding of each example."""
        return self._whole(make_predict(self.network, self.precision, embed=True))

    def _whole(self, predict: Callable[..., Any]) -> Callable[..., dict[str, jax.Array]]:
        return jax.jit(
            placed(predict, self.mesh_options, self.mesh),
            out_shardings=self.everywhere,
            compiler_options=self._compiler_options,
        )

    @property
    def _platform(self) -> str:
        return str(self.mesh.devices.flat[0].platform)

    @property
    def _compiler_options(self) -> dict[str, Any] | None:
        return _SAME_BITS if self.deterministic and self._platform == "gpu" else None

    @property
    def everywhere(self) -> NamedSharding:
        """A copy on each device."""
        return NamedSharding(self.mesh, PartitionSpec())


def _shardings(abstract: TrainState) -> Any:
    return jax.tree.map(lambda leaf: leaf.sharding, abstract)


def _hashable(tree: Any) -> Hashable:
    leaves, structure = jax.tree.flatten(tree)
    return tuple(leaves), structure
