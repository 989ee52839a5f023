"""How much each swept key matters for the result, of a grid or a study alike."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import optuna
from optuna.study import StudyDirection
from optuna.trial import create_trial

from framework.launch.space import Interval, Space
from framework.launch.study.parameters import as_params, distribution

Method = Literal["fanova", "ped_anova"]
FEWEST = 4  # trials, below which nothing is said


def importances(
    space: Space,
    trials: Sequence[tuple[Mapping[str, Any], float]],
    *,
    maximize: bool,
    method: Method = "fanova",
) -> dict[str, float]:
    """The share of the result's variance that each key explains, the largest first.

    fANOVA (Hutter et al. 2014) looks at all trials; PED-ANOVA (Watanabe et al. 2023) at what sets
    the good ones apart.

    Args:
        trials: values and result of those that are done; results that are not finite are left out.

    Returns:
        Shares that sum to one; none where fewer than four trials or one result only are known.
    """
    known = [(values, float(result)) for values, result in trials if math.isfinite(result)]
    if len(known) < FEWEST or len({result for _, result in known}) < 2:
        return {}
    wide = {key: _reaching(space[key], [values[key] for values, _ in known]) for key in space}
    distributions = {key: distribution(parameter) for key, parameter in wide.items()}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    direction = StudyDirection.MAXIMIZE if maximize else StudyDirection.MINIMIZE
    study = optuna.create_study(direction=direction)
    study.add_trials(
        create_trial(params=as_params(values), distributions=distributions, value=result)
        for values, result in known
    )
    evaluator: optuna.importance.BaseImportanceEvaluator = (
        optuna.importance.FanovaImportanceEvaluator(seed=0)
        if method == "fanova"
        else optuna.importance.PedAnovaImportanceEvaluator()
    )
    return dict(optuna.importance.get_param_importances(study, evaluator=evaluator))


def _reaching(parameter: Any, values: Sequence[Any]) -> Any:
    """An interval that holds what was tried when it was wider."""
    if not isinstance(parameter, Interval):
        return parameter
    low, high = min(parameter.low, *values), max(parameter.high, *values)
    return Interval(low, high, parameter.log, parameter.step, parameter.integer)
