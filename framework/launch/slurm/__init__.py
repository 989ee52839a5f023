"""Trials as jobs of Slurm: a job for each, or an array of workers that pull them."""

from framework.launch.slurm.make import make_place
from framework.launch.slurm.options import SlurmOptions
from framework.launch.slurm.place import SlurmJobs
from framework.launch.slurm.workers import SlurmWorkers

__all__ = ["SlurmJobs", "SlurmOptions", "SlurmWorkers", "make_place"]
