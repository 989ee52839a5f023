"""Many trainings as one program: the very step of one, over rows that are divided among devices.

`shard_map` of `vmap`, and not `jit` of `vmap` with the rows sharded: then no device has to know of
another's rows, and the program has no collective, whatever the step does.
"""

import functools
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from framework.parallel import placed
from framework.train.program import Call, Program
from framework.train.state import TrainState
from framework.train.step import Batch, make_predict

AXIS = "row"


@dataclass(frozen=True)
class PackedProgram:
    """The program of one row, and the devices that the rows lie on.

    Attributes:
        program: of one row, on a mesh of one device.
        one_batch: all rows see the same batch, which then has no axis of rows.
    """

    program: Program
    devices: tuple[jax.Device, ...]
    one_batch: bool = False

    @functools.cached_property
    def mesh(self) -> Mesh:
        """The devices in a row."""
        return Mesh(np.array(self.devices), (AXIS,), axis_types=(AxisType.Auto,))

    @property
    def by_rows(self) -> NamedSharding:
        """Each device has its share of the rows."""
        return NamedSharding(self.mesh, PartitionSpec(AXIS))

    @property
    def everywhere(self) -> NamedSharding:
        """A copy on each device."""
        return NamedSharding(self.mesh, PartitionSpec())

    @property
    def batches(self) -> NamedSharding:
        """Where batches lie."""
        return self.everywhere if self.one_batch else self.by_rows

    def call(self, size: int) -> Any:
        """The jitted step of all rows, `size` times; state and metrics have a leading axis of rows.

        Batches are [rows, …], or [rows, size, …] where `size` > 1; with `one_batch` without rows.
        """
        step = self.program.step

        def several(state: TrainState, batches: Batch) -> Any:
            return jax.lax.scan(step, state, batches)

        rows, batch = PartitionSpec(AXIS), self.batches.spec
        over_rows = jax.shard_map(
            jax.vmap(step if size == 1 else several, in_axes=(0, None if self.one_batch else 0)),
            mesh=self.mesh, in_specs=(rows, batch), out_specs=rows, check_vma=False,
        )  # fmt: skip
        return jax.jit(over_rows, donate_argnums=0)

    def compiled(self, size: int, state: TrainState, batch: Batch) -> Any:
        """The executable for a state and a batch of these shapes; kept with the row's program, so
        that another pack of it in this process compiles nothing.
        """
        key = ("packed", size, self.mesh, self.one_batch, _shapes(state), _shapes(batch))
        calls: dict[Hashable, Call] = self.program.calls
        if key not in calls:
            lowered = self.call(size).lower(
                _abstract(state, self.by_rows), _abstract(batch, self.batches)
            )
            calls[key] = lowered.compile()
        return calls[key]

    def predict(self) -> Any:
        """Predictions of all rows on one batch, as `Program.predict` makes them of one."""
        key = ("packed predictions", self.mesh)
        calls: dict[Hashable, Any] = self.program.calls
        if key not in calls:
            own = self.program
            predict = placed(make_predict(own.network, own.precision), own.mesh_options, own.mesh)
            rows = PartitionSpec(AXIS)
            over_rows = jax.shard_map(
                jax.vmap(predict, in_axes=(0, 0, 0, None)), mesh=self.mesh,
                in_specs=(rows, rows, rows, PartitionSpec()), out_specs=rows, check_vma=False,
            )  # fmt: skip
            calls[key] = jax.jit(over_rows)
        return calls[key]


def _abstract(tree: Any, sharding: NamedSharding) -> Any:
    def abstract(leaf: Any) -> jax.ShapeDtypeStruct:
        dtype = jax.dtypes.canonicalize_dtype(leaf.dtype, allow_extended_dtype=True)
        return jax.ShapeDtypeStruct(leaf.shape, dtype, sharding=sharding)

    return jax.tree.map(abstract, tree)


def _shapes(tree: Any) -> Hashable:
    leaves, structure = jax.tree.flatten(tree)
    return tuple((leaf.shape, str(leaf.dtype)) for leaf in leaves), structure
