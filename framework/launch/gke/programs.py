"""Whether a sweep's programs fit a slice, and what it costs, before anything is submitted.

The compiler of the slice runs here, in a process of its own, without the chips. It compiles each
distinct program once: trials that differ in values only share one.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.launch.gke.options import KEY
from framework.launch.gke.order import Order
from framework.train.planning.compiler import Compiler, CompilerFailed
from framework.train.planning.plan import Plan, shown_mesh
from framework.train.planning.table import size
from framework.train.planning.target import Target

Compose = Callable[[Sequence[str]], Mapping[str, Any]]
_TRIED = 6  # other meshes that are compiled where one does not fit


@dataclass
class Programs:
    """Plans of a sweep's trials.

    Attributes:
        compose: words to the settings of an experiment.
        say: prints a line.
    """

    order: Order
    compose: Compose
    say: Callable[[str], None] = print
    _compiler: Compiler | None = None
    _said: dict[str, Plan] = field(default_factory=dict)

    def check(self, words: Sequence[str]) -> Plan:
        """The plan of a trial, whose program fits.

        Raises:
            InvalidConfig: it does not, with the words of a mesh that does; or it cannot be laid
                out, or compiled here.
        """
        settings = dict(self.compose(words))
        settings["run"] = {**settings["run"], "dir": None}  # what is planned is not run
        try:
            if self._compiler is None:
                self._compiler = Compiler(Target.of(self._target), settings)
            plan = self._compiler.compile(settings=settings)
        except CompilerFailed as error:
            self.close()
            reason = (str(error).splitlines() or ["it did not start"])[-1]
            expected = "a slice that can be compiled for"
            raise InvalidConfig(Problem("launch.slice", self._target, expected, reason)) from error
        except InvalidConfig as error:
            raise InvalidConfig(*(_of_slice(problem) for problem in error.problems)) from error
        if plan.program not in self._said:
            self._said[plan.program] = plan
            self.say(_line(plan))
        if plan.memory.fits is False:
            raise InvalidConfig(self._too_large(plan, settings))
        return plan

    def close(self) -> None:
        """Ends the compiler."""
        if self._compiler is not None:
            self._compiler.close()
            self._compiler = None

    @property
    def _target(self) -> str:
        return self.order.slice.target(self.order.slices)

    def _too_large(self, plan: Plan, settings: Mapping[str, Any]) -> Problem:
        memory = plan.memory
        expected = f"a program of at most {size(memory.capacity or 0)} on each device of "
        expected += f"{self._target} (this takes {size(memory.needed or 0)})"
        words = self._one_that_fits(settings)
        hint = f"{words} fits" if words else "none of the meshes that were tried fits: more chips"
        return Problem("mesh", shown_mesh(plan.mesh), expected, hint)

    def _one_that_fits(self, settings: Mapping[str, Any]) -> str:
        """The words of a mesh, or policy of rematerialisation, that was compiled and fits."""
        assert self._compiler is not None
        try:
            for each in self._compiler.candidates(settings)[:_TRIED]:
                # With little effort, which takes no less memory.
                plan = self._compiler.compile(
                    each["mesh"], each["remat"], settings=settings, quick=True
                )
                if plan.memory.fits:
                    return str(each["words"])
        except (CompilerFailed, InvalidConfig):
            pass
        return ""


@dataclass(frozen=True)
class Price:
    """What a sweep costs.

    Attributes:
        trials: and confirmations of the best, which cost as much each.
        hours: of chips, of both together.
        money: None where no price is known.
        estimated: the hours are the plan's, at its best, not the user's.
    """

    trials: int
    hours: float
    money: float | None
    estimated: bool
    confirmations: int = 0

    @property
    def runs(self) -> int:
        """All that is trained."""
        return self.trials + self.confirmations

    def __str__(self) -> str:
        least = "at least " if self.estimated else ""
        several = "s" if self.confirmations > 1 else ""
        more = f" and {self.confirmations} confirmation{several}" if self.confirmations else ""
        text = f"{self.trials} trials{more}, {least}{_amount(self.hours)} chip hours"
        if self.money is None:
            return f"{text}; launch.price=… gives the sum"
        return f"{text}, {least}{_amount(self.money)}"


def price(order: Order, plan: Plan | None, trials: int, confirmations: int = 0) -> Price | None:
    """The price of so many runs like the planned one; None where their time is not known.

    Args:
        confirmations: of the best; of a front each of its trials has so many, which nobody knows
            before.
    """
    hours, estimated = order.options.hours, order.options.hours is None
    if hours is None:
        if plan is None or plan.speed is None:
            return None
        hours = plan.speed.expected * plan.steps / 3600
    chips = (trials + confirmations) * order.chips * hours
    each = order.options.price
    money = None if each is None else chips * each
    return Price(trials, chips, money, estimated, confirmations)


def check_price(found: Price | None, most: float | None, order: Order) -> None:
    """Holds a price against `launch.max_cost`.

    Raises:
        InvalidConfig: it is more, or not known.
    """
    if most is None:
        return
    if isinstance(most, bool) or not isinstance(most, int | float):
        raise InvalidConfig(Problem(f"{KEY}.max_cost", most, "a number, or null"))
    if found is None or found.money is None:
        key = "hours" if found is None else "price"
        expected = "the hours of a trial" if found is None else "what a chip costs for an hour"
        hint = "launch.max_cost is compared with the price of the sweep"
        raise InvalidConfig(Problem(f"{KEY}.{key}", getattr(order.options, key), expected, hint))
    if found.money > most:
        possible = math.floor(most * found.runs / found.money)
        expected = f"at least {_amount(found.money)}: {found}"
        what = "runs" if found.confirmations else "trials"
        hint = f"it pays for {possible} {what}; make the sweep, its trials or its slices smaller"
        raise InvalidConfig(Problem(f"{KEY}.max_cost", most, expected, hint))


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _line(plan: Plan) -> str:
    memory = plan.memory
    takes = f"{size(memory.needed or 0)} of {size(memory.capacity or 0)}"
    line = f"Program   {plan.target}, {shown_mesh(plan.mesh)}: {takes} on each device"
    if plan.speed is not None:
        line += f", {1000 * plan.speed.expected:.3g} ms a step at best"
    return line


def _of_slice(problem: Problem) -> Problem:
    key = "launch.slice" if problem.key == "target" else problem.key
    return Problem(key, problem.value, problem.expected, problem.hint)
