"""From plain settings to a checked experiment: every mistake is found before it is built."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from framework.config import InvalidConfig
from framework.config.build import read
from framework.train.checks import check_parts
from framework.train.distilling.kept import speechless
from framework.train.experiment import Experiment

ANY_DEVICES = 0


def assemble(settings: Mapping[str, Any], devices: int | None = None) -> Experiment:
    """Builds and checks the experiment that `settings` describe; touches no accelerator.

    Args:
        devices: how many there will be; None: those that JAX finds; ANY_DEVICES: what depends on
            their number is not checked.

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
            parts[name] = call.part(name)
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
