"""Floating-point operations of a program, counted from its jaxpr.

Matrix products and convolutions count, two operations for each multiplication with its addition;
elementwise work and reductions do not: they are bound by memory. XLA's own count takes the body
of a scan once; here it counts as often as it runs.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn

Operations = Mapping[str, float]
"""Type of the operands to the number of operations."""


def operations(jaxpr: ClosedJaxpr | Jaxpr) -> dict[str, float]:
    """Operations of one call of a traced function, over all devices together.

    Of the branches of a condition the dearest counts; a loop whose rounds are not known counts
    once. Inside `shard_map` shapes are those of one device: its body counts for each of them.
    """
    inner = jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr
    total: Counter[str] = Counter()
    for equation in inner.eqns:
        for name, count in _of_equation(equation).items():
            total[name] += count  # type: ignore[assignment]
    return dict(total)


def sum_of(found: Operations) -> float:
    """All operations, of whatever type."""
    return float(sum(found.values()))


def _of_equation(equation: JaxprEqn) -> Operations:
    name, parameters = equation.primitive.name, equation.params
    if name == "dot_general":
        return {_type(equation): 2.0 * _dot(equation)}
    if name == "conv_general_dilated":
        return {_type(equation): 2.0 * _convolution(equation)}
    if name == "cond":
        branches = [operations(branch) for branch in parameters["branches"]]
        return max(branches, key=sum_of, default={})
    if name == "while":
        return operations(parameters["body_jaxpr"])
    times = 1
    if name == "scan":
        times = parameters["length"]
    elif name == "shard_map":
        manual = next(axes for key, axes in parameters.items() if key.endswith("manual_axes"))
        times = math.prod(parameters["mesh"].shape[axis] for axis in manual)
    return _multiplied(map(operations, _inner(parameters)), times)


def _inner(parameters: Mapping[str, Any]) -> Iterable[ClosedJaxpr | Jaxpr]:
    """The traced functions that an equation calls."""
    for value in parameters.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, ClosedJaxpr | Jaxpr):
                yield part


def _multiplied(parts: Iterable[Operations], times: int) -> Operations:
    total: dict[str, float] = {}
    for part in parts:
        for name, count in part.items():
            total[name] = total.get(name, 0.0) + times * count
    return total


def _type(equation: JaxprEqn) -> str:
    """The wider type of the operands."""
    kinds = [variable.aval.dtype for variable in equation.invars[:2]]  # type: ignore[attr-defined]
    return str(max(kinds, key=lambda kind: kind.itemsize))


def _dot(equation: JaxprEqn) -> int:
    """Multiplications of a `dot_general`: its result's size times the contracted sizes."""
    (contracted, _), _ = equation.params["dimension_numbers"]
    left = _shape(equation.invars[0])
    return int(
        math.prod(_shape(equation.outvars[0])) * math.prod(left[axis] for axis in contracted)
    )


def _convolution(equation: JaxprEqn) -> int:
    """Multiplications of a convolution: each of its results' with the kernel's window.

    Padding counts as if it were data, but zeros that a dilated input has between its elements,
    as in the gradient of a strided convolution, do not.
    """
    numbers = equation.params["dimension_numbers"]
    kernel = _shape(equation.invars[1])
    inputs_a_group = kernel[numbers.rhs_spec[1]]
    window = math.prod(kernel[axis] for axis in numbers.rhs_spec[2:])
    dilation = math.prod(equation.params["lhs_dilation"])
    return int(math.prod(_shape(equation.outvars[0])) * inputs_a_group * window // dilation)


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(map(int, variable.aval.shape))


def traced(function: Any, *arguments: Any) -> dict[str, float]:
    """Operations of `function` on (abstract) arguments; allocates nothing."""
    return operations(jax.make_jaxpr(function)(*arguments))
