"""A run's checkpoints: asynchronous, verified, the latest and the best kept."""

from framework.checkpoint.checkpoints import Checkpoints, Restored
from framework.checkpoint.failures import CheckpointDamaged, CheckpointFailed, CheckpointMismatch
from framework.checkpoint.options import CheckpointOptions

__all__ = [
    "CheckpointDamaged",
    "CheckpointFailed",
    "CheckpointMismatch",
    "CheckpointOptions",
    "Checkpoints",
    "Restored",
]
