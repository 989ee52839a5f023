"""Schema, composition and checks of an experiment's configuration."""

from framework.config.constraints import (
    FolderName,
    FolderPath,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Seed,
)
from framework.config.problem import InvalidConfig, Problem, blame, nearest

__all__ = [
    "FolderName",
    "FolderPath",
    "Fraction",
    "InvalidConfig",
    "NonNegativeFloat",
    "NonNegativeInt",
    "PositiveFloat",
    "PositiveInt",
    "Problem",
    "Seed",
    "blame",
    "nearest",
]
