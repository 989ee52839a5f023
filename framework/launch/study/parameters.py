"""A space's values as Optuna's parameters, and back."""

import json
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from framework.launch.space import Choice, Interval, Parameter, Space

_PLAIN = (bool, int, float, str, type(None))


def distribution(parameter: Parameter) -> BaseDistribution:
    """What Optuna calls a parameter's values."""
    if isinstance(parameter, Choice):
        return CategoricalDistribution([label(value) for value in parameter.values])
    if parameter.integer:
        low, high = int(parameter.low), int(parameter.high)
        return IntDistribution(low, high, log=parameter.log, step=int(parameter.step or 1))
    low_end, high_end = float(parameter.low), float(parameter.high)
    return FloatDistribution(low_end, high_end, log=parameter.log, step=parameter.step)


def suggest(trial: optuna.Trial, space: Space) -> dict[str, Any]:
    """The values of a trial: those that it has, and of the sampler where it has none."""
    return {key: _suggest(trial, key, parameter) for key, parameter in space.items()}


def as_params(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as Optuna keeps them."""
    return {key: label(value) for key, value in values.items()}


def label(value: Any) -> Any:
    """A value of a list of choices as Optuna keeps it, which knows no lists and mappings."""
    return value if isinstance(value, _PLAIN) else json.dumps(value, sort_keys=True)


def _suggest(trial: optuna.Trial, key: str, parameter: Parameter) -> Any:
    if isinstance(parameter, Interval):
        return _suggest_number(trial, key, parameter)
    labels = [label(value) for value in parameter.values]
    chosen = trial.suggest_categorical(key, labels)
    same = (type(one) is type(chosen) and one == chosen for one in labels)  # 1 is not true
    return parameter.values[list(same).index(True)]


def _suggest_number(trial: optuna.Trial, key: str, parameter: Interval) -> float:
    low, high, log = parameter.low, parameter.high, parameter.log
    if parameter.integer:
        step = int(parameter.step or 1)
        return trial.suggest_int(key, int(low), int(high), step=step, log=log)
    return trial.suggest_float(key, float(low), float(high), step=parameter.step, log=log)
