"""Mesh, rules and placement: parallelism is where arrays lie, not what models do."""

from framework.parallel.activations import constrain, divided, placed
from framework.parallel.distributed import DistributedOptions, start_here
from framework.parallel.mesh import AXES, MeshOptions, build_mesh
from framework.parallel.placement import batch_putter, process_rows, state_shardings
from framework.parallel.precision import Precision, cast
from framework.parallel.processes import by_first, is_first, several

__all__ = [
    "AXES",
    "DistributedOptions",
    "MeshOptions",
    "Precision",
    "batch_putter",
    "build_mesh",
    "by_first",
    "cast",
    "constrain",
    "divided",
    "is_first",
    "placed",
    "process_rows",
    "several",
    "start_here",
    "state_shardings",
]
