"""A traced program again, without the primitives that a converter has no words for.

A converter knows a few dozen primitives. What it lacks is said here by others with the same
values, in the program that is handed to it, so that no model has to know of any format.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.extend import core

from framework.parallel.scans import scan_counts

Rewrite = Callable[..., Any]
"""`(*values, **parameters of the primitive) -> value`."""

_CALLS = {
    "checkpoint": "jaxpr",
    "closed_call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "remat2": "jaxpr",
}
"""Primitives that only call a program, and the parameter that holds it."""


def rewritten(function: Callable[..., Any], rewrites: Mapping[str, Rewrite]) -> Callable[..., Any]:
    """`function` of arrays, with `rewrites` of primitives by their names; to be traced.

    Calls are written out where they stand: derivatives of one's own and what is kept for them mean
    nothing in a program that only predicts. So are the rounds of a scan: there are as many as
    layers, and ONNX Runtime took 51 ms for a small vision transformer with a loop, 27 without.
    """

    def again(*arguments: Any) -> Any:
        program, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        found = _run(program.jaxpr, program.consts, jax.tree.leaves(arguments), rewrites)
        return jax.tree.unflatten(jax.tree.structure(shapes), found)

    return again


def _run(jaxpr: Any, consts: Any, inputs: Any, rewrites: Mapping[str, Rewrite]) -> list[Any]:
    known: dict[Any, Any] = dict(zip(jaxpr.constvars, consts, strict=True))
    known |= dict(zip(jaxpr.invars, inputs, strict=True))

    def value(variable: Any) -> Any:
        return variable.val if isinstance(variable, core.Literal) else known[variable]

    for equation in jaxpr.eqns:
        results = _apply(equation, [value(v) for v in equation.invars], rewrites)
        known |= dict(zip(equation.outvars, results, strict=True))
    return [value(variable) for variable in jaxpr.outvars]


def _apply(equation: Any, values: list[Any], rewrites: Mapping[str, Rewrite]) -> list[Any]:
    name, parameters = equation.primitive.name, equation.params
    if name in rewrites:
        return [rewrites[name](*values, **parameters)]
    if name in _CALLS:
        inner = parameters[_CALLS[name]]
        consts = getattr(inner, "consts", ())
        return _run(getattr(inner, "jaxpr", inner), consts, values, rewrites)
    if name == "scan":
        return _unrolled(values, parameters, rewrites)
    results = equation.primitive.bind(*values, **parameters)
    return list(results) if equation.primitive.multiple_results else [results]


def _unrolled(
    values: list[Any], parameters: Mapping[str, Any], rewrites: Mapping[str, Rewrite]
) -> list[Any]:
    body, length = parameters["jaxpr"], parameters["length"]
    consts, carried = scan_counts(parameters)
    state, rows = values[consts : consts + carried], values[consts + carried :]
    made: list[list[Any]] = [[] for _ in body.out_avals[carried:]]
    order = range(length)[:: -1 if parameters["reverse"] else 1]
    for place in order:
        own = [_row(array, place) for array in rows]
        found = _run(body.jaxpr, body.consts, [*values[:consts], *state, *own], rewrites)
        state = found[:carried]
        for column, one in zip(made, found[carried:], strict=True):
            column.append(lax.expand_dims(one, (0,)))
    if parameters["reverse"]:
        made = [column[::-1] for column in made]
    return [*state, *(lax.concatenate(column, 0) for column in made)]


def _row(array: Any, place: int) -> Any:
    """Of weights at once, so that the file has each layer's on its own."""
    if isinstance(array, jax.core.Tracer):
        return lax.index_in_dim(array, place, keepdims=False)
    return np.asarray(array)[place]
