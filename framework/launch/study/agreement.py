"""A study that is there, against what is asked for now."""

import json
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.study import StudyDirection

from framework.config import InvalidConfig, Problem
from framework.launch.objective import Objective
from framework.launch.space import Space, as_plain


def agree(study: optuna.Study, space: Space, objectives: Sequence[Objective]) -> tuple[str, ...]:
    """Names the study's metrics and space where it is new, and compares them where it is not.

    Returns:
        The keys whose interval is another one since then.

    Raises:
        InvalidConfig: it is of something else.
    """
    ours = [(one.metric, one.maximize) for one in objectives]
    maximized = [direction == StudyDirection.MAXIMIZE for direction in study.directions]
    theirs = list(zip(study.metric_names or [m for m, _ in ours], maximized, strict=False))
    if theirs != ours:
        hint = "choose another hydra.sweep.dir or hydra.sweeper.study_name"
        expected = f"the metric of the study that is there ({_named(theirs)})"
        raise InvalidConfig(Problem("sweep.metric", _named(ours), expected, hint))
    kept = study.user_attrs.get("space", {})
    plain = json.loads(json.dumps(as_plain(space)))
    problems = [
        Problem(key, _shape(plain.get(key)), f"as in the study that is there ({_shape(was)})",
                "an interval may grow; for another list choose another hydra.sweep.dir")
        for key, was in kept.items()
        if not _same_kind(plain.get(key), was)
    ]  # fmt: skip
    if problems:
        raise InvalidConfig(*problems)
    if study.metric_names is None:
        study.set_metric_names([metric for metric, _ in ours])
    if kept != plain:
        study.set_user_attr("space", plain)
    return tuple(key for key, was in kept.items() if plain[key] != was)


def _named(metrics: Sequence[tuple[str, bool]]) -> str:
    return ", ".join(f"{name} {'upwards' if up else 'downwards'}" for name, up in metrics)


def _shape(parameter: dict[str, Any] | None) -> str:
    if parameter is None:
        return "not swept"
    return ", ".join(f"{name}={value}" for name, value in parameter.items() if value is not None)


def _same_kind(now: dict[str, Any] | None, was: dict[str, Any]) -> bool:
    """Whether Optuna can go on: only the ends of an interval may change."""
    if now is None or now.keys() != was.keys():
        return False
    return all(now[name] == was[name] for name in was if name not in ("low", "high"))
