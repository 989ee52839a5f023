"""Optuna's samplers and pruners by their settings."""

import numpy as np
import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler

from framework.launch.study.options import (
    CMAES,
    NSGAII,
    QMC,
    TPE,
    Evaluations,
    Hyperband,
    Median,
    Pruner,
    Random,
    Sampler,
    SuccessiveHalving,
    Wilcoxon,
)


def make_sampler(options: Sampler, seed: int, number: int) -> BaseSampler:
    """The sampler of one trial.

    Its seed is made of the study's and the trial's number: a driver that was started again, or
    another one of the same study, does not draw the first trials' points a second time.
    """
    own = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    by_itself = optuna.samplers.RandomSampler(seed=own)
    match options:
        case Random():
            return by_itself
        case TPE():
            return optuna.samplers.TPESampler(
                n_startup_trials=options.startup, multivariate=options.multivariate, seed=own
            )
        case QMC():  # one sequence for all trials: its seed is the study's
            return optuna.samplers.QMCSampler(
                scramble=True,
                seed=seed,
                independent_sampler=by_itself,
                warn_independent_sampling=False,
            )
        case CMAES():
            return optuna.samplers.CmaEsSampler(
                seed=own,
                popsize=options.population,
                independent_sampler=by_itself,
                warn_independent_sampling=False,
            )
        case NSGAII():
            return optuna.samplers.NSGAIISampler(population_size=options.population, seed=own)


def after_growth(options: Sampler) -> str:
    """What becomes of a key whose interval has grown; empty where nothing is lost.

    Optuna's samplers learn of keys together only where all trials have had the same interval.
    """
    match options:
        case CMAES() | NSGAII():
            return "this sampler draws at random, and learns nothing,"
        case TPE(multivariate=True):
            return "this sampler learns by itself, not together with other keys,"
        case QMC():
            return "this sampler draws within the old ends"
        case _:
            return ""


def make_pruner(options: Pruner | None, evaluations: Evaluations) -> BasePruner:
    """The pruner of a study; its rungs are steps of training."""
    every = evaluations.every or 1
    match options:
        case None:
            return optuna.pruners.NopPruner()
        case SuccessiveHalving():
            return optuna.pruners.SuccessiveHalvingPruner(
                min_resource=options.first or every, reduction_factor=options.factor
            )
        case Hyperband():
            return optuna.pruners.HyperbandPruner(
                min_resource=options.first or every,
                max_resource=evaluations.steps,
                reduction_factor=options.factor,
            )
        case Wilcoxon():
            return optuna.pruners.WilcoxonPruner(
                p_threshold=options.p, n_startup_steps=options.startup
            )
        case Median():
            return optuna.pruners.MedianPruner(
                n_startup_trials=options.startup, n_warmup_steps=options.warmup
            )
