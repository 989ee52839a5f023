"""From plain settings to a checked experiment: every mistake is found before it is built."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from framework.config import InvalidConfig
from framework.config.build import Call, read
from framework.train.checks import ANY_DEVICES, check_parts
from framework.train.distilling.kept import speechless
from framework.train.experiment import Experiment

__all__ = ["ANY_DEVICES", "Kept", "assemble"]

WORTH_KEEPING = {"data": 1, "model": 8}  # and how many of each

Kept = dict[str, list[tuple[Any, Any]]]
"""Parts of the last experiments that are worth keeping, by name: their settings, the part."""


def assemble(
    settings: Mapping[str, Any], devices: int | None = None, kept: Kept | None = None
) -> Experiment:
    """Builds and checks the experiment that `settings` describe; touches no accelerator.

    Args:
        devices: how many there will be; None: those that JAX finds; ANY_DEVICES: what depends on
            their number is not checked.
        kept: for a process that assembles many: data and models are taken from here where their
            settings are the same, and kept here.

    Raises:
        InvalidConfig: all problems of the settings, of the parts and between the parts.
    """
    call, problems = read(settings)
    if call is None:
        raise InvalidConfig(*problems)
    parts: dict[str, Any] = {"config": settings}
    faulty = {problem.key.split(".")[0] for problem in problems}
    for name in call.arguments:
        if name in faulty:
            continue
        try:
            parts[name] = _part(call, name, settings, kept)
        except InvalidConfig as error:
            problems += error.problems
    problems += check_parts(parts, devices)
    if problems:
        raise InvalidConfig(*(p for i, p in enumerate(problems) if p not in problems[:i]))
    experiment = call.target(**{n: v for n, v in parts.items() if n != "config"})
    assert isinstance(experiment, Experiment)
    if experiment.teacher is None:
        return experiment
    # What the teacher says is found out by the run; until then there is a place for it.
    data = experiment.data
    return replace(experiment, data=speechless(data, experiment.task.outputs(data.spec)))


def _part(call: Call, name: str, settings: Mapping[str, Any], kept: Kept | None) -> Any:
    if kept is None or name not in WORTH_KEEPING:
        return call.part(name)
    own = settings.get(name)
    several = kept.setdefault(name, [])
    one = next((one for one in several if one[0] == own), None) or (own, call.part(name))
    kept[name] = [*(other for other in several if other is not one), one][-WORTH_KEEPING[name] :]
    return one[1]
