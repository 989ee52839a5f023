"""`experiments.plan`: one plan, or a search for the best."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.config.build import require
from framework.train.planning.compiler import Compiler, CompilerFailed
from framework.train.planning.options import PlanOptions
from framework.train.planning.plan import Plan
from framework.train.planning.target import Target

FAULT = 1


@dataclass(frozen=True)
class Planner:
    """A target, its compiler, already started, and what to plan.

    Attributes:
        settings: of the experiment.
    """

    options: PlanOptions
    target: Target
    settings: Mapping[str, Any]
    compiler: Compiler


def begin(settings: Mapping[str, Any]) -> Planner:
    """Checks the settings of a plan, on the devices of its target.

    Raises:
        InvalidConfig: all that is wrong.
    """
    rest = dict(settings)
    options = require(rest.pop("plan"), "plan")
    name = rest.pop("target")
    if not isinstance(name, str):
        raise InvalidConfig(Problem("target", name, "a name, such as local or v5e:16x16"))
    target = Target.of(name)
    # What is planned is not run: it neither begins nor continues a run directory.
    rest["run"] = {**rest["run"], "dir": None}
    compiler = Compiler(target, rest)
    try:
        compiler.ready()
    except CompilerFailed as error:
        compiler.close()
        raise InvalidConfig(_cannot_compile(name, error)) from error
    except BaseException:
        compiler.close()
        raise
    return Planner(options, target, rest, compiler)


def finish(planner: Planner) -> int:
    """Plans, prints, writes the JSON file; returns the exit code."""
    from framework.train.listeners.progress import make_console
    from framework.train.planning.table import print_plan

    console = make_console(aloud=True)
    if planner.options.search:
        from framework.train.planning.search import search

        return search(planner, console)
    try:
        plan = priced(planner.compiler.compile(), planner.options.price)
    except CompilerFailed as error:
        console.print(f"No plan: {error}")
        return FAULT
    finally:
        planner.compiler.close()
    print_plan(console, plan)
    write(planner.options.out, plan.json())
    if planner.options.out is not None:
        console.print(f"\nNumbers   {planner.options.out}")
    return 0


def priced(plan: Plan, price: float | None) -> Plan:
    """The plan with what its steps cost at the least, at `price` of a chip for an hour."""
    if price is None or plan.speed is None:
        return plan
    step = price * plan.chips * plan.speed.bound / 3600
    return replace(plan, speed=replace(plan.speed, step_cost=step, run_cost=step * plan.steps))


def write(out: str | None, values: Mapping[str, Any]) -> None:
    """Writes the JSON file that was asked for."""
    if out is None:
        return
    path = Path(out)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def _cannot_compile(name: str, error: CompilerFailed) -> Problem:
    text = str(error)
    reason = text.splitlines()[-1] if text else "it did not start"
    return Problem("target", name, "a target that can be compiled for", reason)
