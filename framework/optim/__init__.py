"""Optimizers and schedules whose numbers are values of the train state."""

from framework.optim.optimizer import NO_DECAY, Optimizer, matches
from framework.optim.rule import Rule
from framework.optim.rules import adafactor, muon
from framework.optim.schedules import Constant, Cosine, Linear, Schedule, WarmupStableDecay
from framework.optim.split import split

__all__ = [
    "NO_DECAY",
    "Constant",
    "Cosine",
    "Linear",
    "Optimizer",
    "Rule",
    "Schedule",
    "WarmupStableDecay",
    "adafactor",
    "matches",
    "muon",
    "split",
]
