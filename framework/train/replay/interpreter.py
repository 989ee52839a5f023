"""Evaluates a traced function operation by operation, and looks at what each of them gives.

In the manner of "Writing custom JAX interpreters" in JAX's documentation. A number that is not
finite is followed from the operation that made it out of finite ones: many are harmless, as the
logarithm of 0 that a mask takes away, and only those that reach a result count.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, DebugInfo, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun

from framework.parallel.scans import scan_counts
from framework.train.replay.extent import Extent, extent
from framework.train.replay.names import GRADIENT, OUTPUT, module_of
from framework.train.replay.place import place_of


class Round(NamedTuple):
    """One round of a loop: the module in which the loop is, and its number from 0."""

    module: str | None
    number: int


@dataclass(frozen=True)
class Where:
    """The names around an operation and the rounds of the loops that it is in."""

    names: str = ""
    rounds: tuple[Round, ...] = ()

    def inside(self, eqn: JaxprEqn) -> "Where":
        """At an operation of the function that is here."""
        return replace(self, names=f"{self.names}/{eqn.source_info.name_stack}")

    def round(self, number: int) -> "Where":
        """In a round of the loop that is here."""
        return replace(self, rounds=(*self.rounds, Round(module_of(self.names), number)))

    @property
    def again(self) -> bool:
        """Whether it is the forward pass made again for the gradient."""
        return "rematted_computation" in self.names


@dataclass(frozen=True)
class Fault:
    """An operation that made a number that is not finite out of finite ones.

    Attributes:
        order: operations before it.
        place: file, line and function of the model's or the user's code.
        inputs: its arguments that are floating.
        marks: how many marks were passed before it.
    """

    order: int
    primitive: str
    where: Where
    place: str
    inputs: tuple[Extent, ...]
    output: Extent
    marks: int


@dataclass(frozen=True)
class Mark:
    """What a module gave, or the gradient by it."""

    module: str
    gradient: bool
    where: Where
    extent: Extent


@dataclass(frozen=True)
class Value:
    """An array; `extent` is None where it is not floating; `fault` made what is not finite."""

    array: Any
    extent: Extent | None = None
    fault: Fault | None = None

    @classmethod
    def of(cls, array: Any) -> "Value":
        """Of an argument or a constant."""
        return cls(array, extent(array))


@dataclass
class Interpreter:
    """Evaluates; `marks` are those passed, in order, and `faults` all that were made."""

    marks: list[Mark] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    operations: int = 0

    def __call__(self, closed: ClosedJaxpr, *arguments: Any) -> list[Value]:
        """The results of the function on arrays."""
        return self.evaluate(closed, [Value.of(argument) for argument in arguments], Where())

    def evaluate(
        self, traced: ClosedJaxpr | Jaxpr, arguments: Sequence[Value], where: Where
    ) -> list[Value]:
        """The results of a function within the one that is evaluated."""
        consts = traced.consts if isinstance(traced, ClosedJaxpr) else []
        jaxpr = traced.jaxpr if isinstance(traced, ClosedJaxpr) else traced
        known: dict[Any, Value] = dict(zip(jaxpr.invars, arguments, strict=True))
        known |= {v: Value.of(c) for v, c in zip(jaxpr.constvars, consts, strict=True)}

        def read(atom: Any) -> Value:
            return Value.of(atom.val) if isinstance(atom, Literal) else known[atom]

        for eqn, done in zip(jaxpr.eqns, _last_uses(jaxpr), strict=True):
            inputs = [read(atom) for atom in eqn.invars]
            rule = RULES.get(eqn.primitive.name, _apply)
            outputs = rule(self, eqn, inputs, where.inside(eqn))
            known.update(zip(eqn.outvars, outputs, strict=True))
            for variable in done:
                del known[variable]
        return [read(atom) for atom in jaxpr.outvars]


def _last_uses(jaxpr: Jaxpr) -> list[list[Any]]:
    """For each operation the variables that nothing after it reads: their memory is given back."""
    kept = {atom for atom in jaxpr.outvars if not isinstance(atom, Literal)}
    found: list[list[Any]] = []
    for eqn in reversed(jaxpr.eqns):
        used = dict.fromkeys(a for a in eqn.invars if not isinstance(a, Literal))
        fresh = [v for v in (*used, *eqn.outvars) if v not in kept]
        found.append(fresh)
        kept.update(fresh)
    return found[::-1]


def _apply(self: Interpreter, eqn: JaxprEqn, inputs: list[Value], where: Where) -> list[Value]:
    """An operation without parts of its own."""
    outputs = [Value.of(array) for array in _alone(eqn)(*(v.array for v in inputs))]
    if eqn.primitive.name == "name":
        _pass_mark(self, eqn.params["name"], outputs[0], where)
    followed = [_traced_back(self, eqn, inputs, output, where) for output in outputs]
    self.operations += 1
    return followed


def _alone(eqn: JaxprEqn) -> Callable[..., Sequence[Any]]:
    """The operation as a function of its arguments, those that are written in it left out."""
    variables = [atom for atom in eqn.invars if not isinstance(atom, Literal)]
    names = tuple("" for _ in variables), tuple("" for _ in eqn.outvars)
    about = DebugInfo("replay", eqn.primitive.name, *names)
    jaxpr = Jaxpr((), variables, eqn.outvars, [eqn], eqn.effects, about)
    function = jaxpr_as_fun(ClosedJaxpr(jaxpr, ()))
    given = [not isinstance(atom, Literal) for atom in eqn.invars]
    return lambda *arrays: function(*itertools.compress(arrays, given))


def _pass_mark(self: Interpreter, text: str, value: Value, where: Where) -> None:
    for prefix in (OUTPUT, GRADIENT):
        if text.startswith(prefix) and value.extent is not None and not where.again:
            name = text.removeprefix(prefix)
            self.marks.append(Mark(name, prefix == GRADIENT, where, value.extent))


def _traced_back(
    self: Interpreter, eqn: JaxprEqn, inputs: Sequence[Value], output: Value, where: Where
) -> Value:
    """The output with the first fault that what is not finite in it may come from."""
    here = output.extent
    if here is None or here.finite:
        return output
    faults = [value.fault for value in inputs if value.fault is not None]
    if faults:
        return replace(output, fault=min(faults, key=lambda fault: fault.order))
    extents = tuple(value.extent for value in inputs if value.extent is not None)
    given = here.nan and any(e.nan for e in extents)
    if given or (not here.nan and any(e.infinite for e in extents)):
        return output  # a mask of -inf, or what came in
    fault = Fault(
        self.operations, eqn.primitive.name, where, place_of(eqn), extents, here, len(self.marks)
    )
    self.faults.append(fault)
    return replace(output, fault=fault)


Rule = Callable[[Interpreter, JaxprEqn, list[Value], Where], list[Value]]


def _call(self: Interpreter, eqn: JaxprEqn, inputs: list[Value], where: Where) -> list[Value]:
    """A function in a function: compiled, with a rule for its gradient, or rematerialised."""
    inner = next(eqn.params[n] for n in ("jaxpr", "call_jaxpr", "fun_jaxpr") if n in eqn.params)
    return self.evaluate(inner, inputs, where)


def _scan(self: Interpreter, eqn: JaxprEqn, inputs: list[Value], where: Where) -> list[Value]:
    parameters = eqn.params
    length = parameters["length"]
    fixed, carried = scan_counts(parameters)
    first = fixed + carried
    consts, carry, slices = inputs[:fixed], inputs[fixed:first], inputs[first:]
    rows: list[list[Value]] = [[] for _ in eqn.outvars[len(carry) :]]
    for number in reversed(range(length)) if parameters["reverse"] else range(length):
        own = [_row(value, number) for value in slices]
        results = self.evaluate(parameters["jaxpr"], [*consts, *carry, *own], where.round(number))
        carry, made = results[: len(carry)], results[len(carry) :]
        for row, value in zip(rows, made, strict=True):
            row.append(value)
    step = -1 if parameters["reverse"] else 1
    stacks = [
        _stacked(row[::step], variable.aval)
        for row, variable in zip(rows, eqn.outvars[len(carry) :], strict=True)
    ]
    return [*carry, *stacks]


def _row(value: Value, number: int) -> Value:
    row = Value.of(value.array[number])
    return row if row.extent is None or row.extent.finite else replace(row, fault=value.fault)


def _stacked(rows: Sequence[Value], like: Any) -> Value:
    if not rows:
        return Value.of(jax.numpy.zeros(like.shape, like.dtype))
    array = jax.numpy.stack([row.array for row in rows])
    together = rows[0].extent
    for row in rows[1:]:
        together = together and row.extent and together.joined(row.extent)
    faults = [row.fault for row in rows if row.fault is not None]
    return Value(array, together, min(faults, key=lambda fault: fault.order, default=None))


def _while(self: Interpreter, eqn: JaxprEqn, inputs: list[Value], where: Where) -> list[Value]:
    parameters = eqn.params
    first = parameters["cond_nconsts"]
    second = first + parameters["body_nconsts"]
    of_test, of_body, carry = inputs[:first], inputs[first:second], inputs[second:]
    number = 0
    while True:
        here = where.round(number)
        (test,) = self.evaluate(parameters["cond_jaxpr"], [*of_test, *carry], here)
        if not test.array:
            return carry
        carry = self.evaluate(parameters["body_jaxpr"], [*of_body, *carry], here)
        number += 1


def _cond(self: Interpreter, eqn: JaxprEqn, inputs: list[Value], where: Where) -> list[Value]:
    branches = eqn.params["branches"]
    chosen = int(np.clip(int(inputs[0].array), 0, len(branches) - 1))
    return self.evaluate(branches[chosen], inputs[1:], where)


_CALLS = (
    "jit", "pjit", "closed_call", "core_call", "remat", "remat2", "checkpoint",
    "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr",
)  # fmt: skip
RULES: dict[str, Rule] = {
    "scan": _scan, "while": _while, "cond": _cond, **dict.fromkeys(_CALLS, _call),
}  # fmt: skip
