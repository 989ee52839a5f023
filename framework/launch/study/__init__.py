"""Searches that learn from results, by Optuna: samplers, pruners, and a storage to share."""

from framework.launch.study.checks import metric_problems
from framework.launch.study.make import make_source
from framework.launch.study.options import (
    CMAES,
    NSGAII,
    QMC,
    TPE,
    Evaluations,
    Hyperband,
    Median,
    Random,
    StudyOptions,
    SuccessiveHalving,
    Wilcoxon,
)

__all__ = [
    "CMAES",
    "NSGAII",
    "QMC",
    "TPE",
    "Evaluations",
    "Hyperband",
    "Median",
    "Random",
    "StudyOptions",
    "SuccessiveHalving",
    "Wilcoxon",
    "make_source",
    "metric_problems",
]
