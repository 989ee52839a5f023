"""What one plan and a search for the best have in common."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from framework.train.planning.compiler import Compiler
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
