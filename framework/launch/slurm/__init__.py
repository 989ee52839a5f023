"""Trials as jobs of Slurm."""

from framework.launch.slurm.options import SlurmOptions
from framework.launch.slurm.place import SlurmJobs

__all__ = ["SlurmJobs", "SlurmOptions"]
