"""Schema, composition and checks of an experiment's configuration."""

from framework.config.constraints import (
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
)
from framework.config.problem import InvalidConfig, Problem, nearest

__all__ = [
    "Fraction",
    "InvalidConfig",
    "NonNegativeFloat",
    "NonNegativeInt",
    "PositiveFloat",
    "PositiveInt",
    "Problem",
    "nearest",
]
