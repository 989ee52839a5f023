"""Settings of a study; each class is a file of configs/hydra/sweeper."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from framework.config import Fraction, NonNegativeInt, PositiveFloat, PositiveInt, Seed


@dataclass(frozen=True)
class Random:
    """Every point by itself."""


@dataclass(frozen=True)
class TPE:
    """Tree-structured Parzen estimator (Bergstra et al. 2011): near the good, away from the bad.

    Attributes:
        startup: trials at random before the first that learns.
        multivariate: keys together rather than one by one.
    """

    startup: NonNegativeInt = 10
    multivariate: bool = True


@dataclass(frozen=True)
class QMC:
    """A scrambled Sobol sequence, which fills a space more evenly than chance (needs SciPy).

    Two drivers of one study that ask in the same moment may be given the same point.
    """


@dataclass(frozen=True)
class CMAES:
    """Covariance matrix adaptation (Hansen 2016); lists of choices are drawn at random.

    Attributes:
        population: trials in a generation; None: by the number of keys.
    """

    population: PositiveInt | None = None


@dataclass(frozen=True)
class NSGAII:
    """Non-dominated sorting (Deb et al. 2002), for two metrics that pull apart.

    Attributes:
        population: trials in a generation; the first is at random.
    """

    population: PositiveInt = 20


@dataclass(frozen=True)
class SuccessiveHalving:
    """At each rung the best `1/factor` go on (Li et al. 2018, without waiting for the others).

    Attributes:
        first: the step of the first rung; None: that of the first evaluation.
        factor: of steps from rung to rung, and of trials.
    """

    first: PositiveInt | None = None
    factor: PositiveInt = 3


@dataclass(frozen=True)
class Hyperband:
    """Several successive halvings at once, that begin to prune early or late (Li et al. 2017)."""

    first: PositiveInt | None = None
    factor: PositiveInt = 3


@dataclass(frozen=True)
class Wilcoxon:
    """Prunes what a signed-rank test finds worse than the best trial, evaluation by evaluation.

    Attributes:
        p: of the test, below which a trial is pruned.
        startup: evaluations before the first test.
    """

    p: Fraction = 0.1
    startup: NonNegativeInt = 2


@dataclass(frozen=True)
class Median:
    """Prunes what is worse than the median of the others at the same step.

    Attributes:
        startup: trials that are complete before the first is pruned.
        warmup: steps of a trial within which it is left alone.
    """

    startup: NonNegativeInt = 5
    warmup: NonNegativeInt = 0


Sampler = Random | TPE | QMC | CMAES | NSGAII
Pruner = SuccessiveHalving | Hyperband | Wilcoxon | Median


@dataclass(frozen=True)
class StudyOptions:
    """What is searched, how and where it is kept.

    Attributes:
        n_trials: in all, over every start and every driver.
        timeout: seconds after a driver's start from which it proposes nothing new; None: never.
        sampler: proposes.
        pruner: ends what does not look good; None: nothing.
        seed: of the proposals.
        enqueue: points that are tried first; keys they leave out are sampled.
        storage: an address such as postgresql://user@host/database, which several drivers share;
            None: `study.db` in the sweep's directory.
        study_name: by which drivers of one storage find their study.
        lease: seconds without a sign of life after which a driver's trials go to another.
    """

    n_trials: PositiveInt = 20
    timeout: PositiveFloat | None = None
    sampler: Sampler = field(default_factory=TPE)
    pruner: Pruner | None = None
    seed: Seed = 0
    enqueue: tuple[Mapping[str, Any], ...] = ()
    storage: str | None = None
    study_name: str | None = None
    lease: PositiveFloat = 120.0


@dataclass(frozen=True)
class Evaluations:
    """When a trial evaluates.

    Attributes:
        every: steps between two evaluations; None: there is none before the end.
        steps: of a whole trial.
    """

    every: int | None
    steps: int
