"""Mesh, rules and placement: parallelism is where arrays lie, not what models do."""

from framework.parallel.activations import constrain, placed
from framework.parallel.mesh import AXES, MeshOptions, build_mesh
from framework.parallel.placement import batch_putter, state_shardings
from framework.parallel.precision import Precision, cast

__all__ = [
    "AXES",
    "MeshOptions",
    "Precision",
    "batch_putter",
    "build_mesh",
    "cast",
    "constrain",
    "placed",
    "state_shardings",
]
