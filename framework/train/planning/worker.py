"""A process that compiles for a target: it is started with the target's environment.

It reads JSON lines from its standard input and answers each with one. The first is an `Opening`:
the target, the settings of the experiment; each further one a candidate, whose mesh, and policy
of rematerialisation take the place of the experiment's; or settings of another experiment, of which
a plan is wanted, or its candidates.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TextIO

from framework.config import InvalidConfig
from framework.run import prepare_environment
from framework.train.planning.plan import Plan


def main() -> int:
    """Serves until its input ends."""
    prepare_environment()
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries print what they like
    try:
        experiment, devices, target = _opened(json.loads(sys.stdin.readline()))
    except InvalidConfig as error:
        _say(answers, problems=_problems(error))
        return 0
    first = devices[0]
    _say(answers, devices=len(devices), device=first.device_kind, platform=first.platform)
    known: dict[str, Plan] = {}
    for line in sys.stdin:
        _say(answers, **_answer(json.loads(line), experiment, devices, target, known))
    return 0


def _opened(opening: Mapping[str, Any]) -> tuple[Any, list[Any], str]:
    """The experiment, the devices and the target's name."""
    from framework.train.planning.target import LOCAL, Target

    target = Target.of(opening["target"])
    devices = target.devices()
    from framework.train.assemble import assemble
    from framework.train.run import configure_jax

    experiment = assemble(opening["settings"], devices=len(devices))
    # Elsewhere nothing will ask for the programs again.
    compile_cache = experiment.trainer.compile_cache and target.chip == LOCAL
    configure_jax(replace(experiment.trainer, compile_cache=compile_cache, debug_nans=False))
    return experiment, devices, target.name


def _answer(
    asked: Mapping[str, Any], experiment: Any, devices: list[Any], target: str,
    known: dict[str, Plan],
) -> dict[str, Any]:  # fmt: skip
    from framework.train.assemble import assemble
    from framework.train.planning.candidates import with_candidate
    from framework.train.planning.measure import measure

    try:
        if asked.get("settings") is not None:
            experiment = assemble(asked["settings"], devices=len(devices))
        if asked.get("candidates"):
            return {"candidates": _candidates(experiment, devices, target)}
        experiment = with_candidate(experiment, asked.get("mesh"), asked.get("remat"))
        quick = asked.get("quick", False)
        plan = measure(experiment, devices, target, quick=quick, known=known)
    except InvalidConfig as error:
        return {"problems": _problems(error)}
    return {"plan": plan.json()}


def _candidates(experiment: Any, devices: list[Any], target: str) -> list[dict[str, Any]]:
    from framework.parallel.chips import chip_of
    from framework.train.planning.ranking import Ranking
    from framework.train.planning.search import worth_compiling
    from framework.train.planning.target import Target

    chip, slices = chip_of(devices[0].device_kind), Target.of(target).slices
    worth = worth_compiling(experiment, len(devices), slices, chip, Ranking())
    fit = [each for each, estimate in worth if chip is None or estimate.resident <= chip.memory]
    return [
        {"mesh": dict(each.mesh), "remat": each.remat, "words": each.override(experiment)}
        for each in fit
    ]


def _problems(error: InvalidConfig) -> list[list[str]]:
    return [
        [each.key, "null" if each.value is None else str(each.value), each.expected, each.hint]
        for each in error.problems
    ]


def _say(answers: TextIO, **values: Any) -> None:
    answers.write(json.dumps(values) + "\n")
    answers.flush()


if __name__ == "__main__":
    sys.exit(main())
