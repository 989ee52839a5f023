"""Training: the state, the step, the loop, and the run from start to end."""

from framework.train.assemble import assemble
from framework.train.experiment import Experiment
from framework.train.generate import Generation, generate
from framework.train.options import EarlyStopping, EvaluationOptions, Profile, Trainer
from framework.train.run import run

__all__ = [
    "EarlyStopping",
    "EvaluationOptions",
    "Experiment",
    "Generation",
    "Profile",
    "Trainer",
    "assemble",
    "generate",
    "run",
]
