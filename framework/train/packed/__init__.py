"""Many trainings as rows of one program."""

from framework.train.packed.alike import refusal
from framework.train.packed.job import End, Job
from framework.train.packed.train import train_packed

__all__ = ["End", "Job", "refusal", "train_packed"]
