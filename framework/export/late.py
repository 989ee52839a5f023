"""A function of float weights, given weights of eight bits that become numbers where they are used.

The function is traced, and its equations are run again with weights as whole numbers and scales.
They go through calls and scans as they are, so that a stack of layers is never float as a whole;
an equation that knows nothing of them gets their numbers. Rules make some equations know:

- `WEIGHT_ONLY`: rows that are looked up are scaled after the look-up;
- `DYNAMIC`: besides, a product of a weight and an activation is one of whole numbers, by qwix:
  the activation is divided by a scale of its own for each place that the product does not sum
  over (each example of a convolution). Products of activations, as in attention, and those whose
  precision is asked to be the highest stay in float.

qwix' own way, providers that replace functions while a module is called, does not fit here: it
hands quantised objects to functions that refuse them (`jnp.take`, `jnp.tensordot`), and so takes
no module with a table or a stack of layers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, DebugInfo, Jaxpr, Literal, jaxpr_as_fun

from framework.parallel.scans import scan_counts

VALUES, SCALE = ".int8", ".scale"
_CALLS = ("jit", "closed_call", "checkpoint", "remat2", "custom_jvp_call", "custom_vjp_call")
_NUMBERS = jnp.float32


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Whole:
    """A weight as whole numbers int8 and the scales, of as many axes, that they are times of."""

    values: jax.Array
    scale: jax.Array
    name: str = field(metadata={"static": True})
    dtype: Any = field(metadata={"static": True})

    def numbers(self) -> jax.Array:
        """The weight."""
        return (self.values.astype(_NUMBERS) * self.scale).astype(self.dtype)


Rule = Callable[[Any, list[Any]], "list[Any] | None"]
Function = Callable[[Any, Any], Any]
Told = Callable[[str, str], Any]


def late(function: Function, rules: Mapping[str, Rule], told: Told | None = None) -> Function:
    """`function(weights, inputs)` of weights as `quantised_weights` stores them; to be traced.

    Args:
        rules: `WEIGHT_ONLY` or `DYNAMIC`.
        told: called with (weight, primitive) where a weight becomes numbers.
    """
    run = _Run(rules, told or (lambda *_: None))

    def called(weights: Mapping[str, jax.Array], inputs: Any) -> Any:
        held = dict(_joined(weights))
        floats = {
            name: jax.ShapeDtypeStruct(one.values.shape, one.dtype) if _whole(one) else one
            for name, one in held.items()
        }
        program, made = jax.make_jaxpr(function, return_shape=True)(floats, inputs)
        found = run(program, jax.tree.leaves((held, inputs), is_leaf=_whole))
        return jax.tree.unflatten(jax.tree.structure(made), found)

    return called


def in_numbers(function: Function, weights: Mapping[str, Any], inputs: Any) -> dict[str, str]:
    """Weights that `DYNAMIC` leaves in float somewhere, and the primitives that want them so.

    Args:
        function: of float weights.
        weights: as `quantised_weights` stores them, or their shapes.
        inputs: arrays, or their shapes.
    """
    found: dict[str, str] = {}
    jax.eval_shape(late(function, DYNAMIC, found.setdefault), dict(weights), inputs)
    return found


def _joined(weights: Mapping[str, jax.Array]) -> Iterable[tuple[str, Any]]:
    for name, array in weights.items():
        if name.endswith(VALUES):
            own = name.removesuffix(VALUES)
            yield own, Whole(array, weights[own + SCALE], own, jnp.dtype(_NUMBERS))
        elif not (name.endswith(SCALE) and name.removesuffix(SCALE) + VALUES in weights):
            yield name, array


def _whole(value: Any) -> bool:
    return isinstance(value, Whole)


@dataclass(frozen=True)
class _Run:
    """Runs the equations of a program on arrays and whole weights."""

    rules: Mapping[str, Rule]
    told: Told

    def __call__(self, program: ClosedJaxpr, values: list[Any]) -> list[Any]:
        """What the program makes of `values`, as arrays."""
        jaxpr = program.jaxpr
        known = dict(zip(jaxpr.constvars, program.consts, strict=True))
        known |= dict(zip(jaxpr.invars, values, strict=True))

        def read(variable: Any) -> Any:
            return variable.val if isinstance(variable, Literal) else known[variable]

        for equation in jaxpr.eqns:
            made = self._equation(equation, [read(variable) for variable in equation.invars])
            known |= dict(zip(equation.outvars, made, strict=True))
        return [self._number(read(variable), "return") for variable in jaxpr.outvars]

    def _equation(self, equation: Any, given: list[Any]) -> list[Any]:
        if not any(map(_whole, given)):
            return _bound(equation, given)
        name = equation.primitive.name
        if name in _CALLS:
            return self(_inner(equation), given)
        if name == "scan":
            return self._scan(equation.params, given)
        if name == "convert_element_type" and jnp.issubdtype(
            equation.params["new_dtype"], jnp.floating
        ):
            return [replace(given[0], dtype=equation.params["new_dtype"])]
        rule = self.rules.get(name)
        made = rule(equation.params, given) if rule else None
        if made is not None:
            return made
        return _bound(equation, [self._number(value, name) for value in given])

    def _scan(self, params: Mapping[str, Any], given: list[Any]) -> list[Any]:
        """A loop over layers, each with its own part of the stacked weights."""
        consts, carries = scan_counts(params)
        shared = given[:consts]
        carry = [self._number(value, "scan") for value in given[consts : consts + carries]]
        stacked = [self._sliceable(value) for value in given[consts + carries :]]

        def body(carry: list[Any], own: list[Any]) -> tuple[list[Any], list[Any]]:
            made = self(params["jaxpr"], [*shared, *carry, *own])
            return made[:carries], made[carries:]

        options = {name: params[name] for name in ("length", "reverse", "unroll")}
        carry, made = jax.lax.scan(body, carry, stacked, **options)
        return [*carry, *made]

    def _sliceable(self, value: Any) -> Any:
        if _whole(value) and value.scale.shape[0] != value.values.shape[0]:
            return self._number(value, "scan")
        return value

    def _number(self, value: Any, primitive: str) -> Any:
        if not isinstance(value, Whole):
            return value
        self.told(value.name, primitive)
        return value.numbers()


def _bound(equation: Any, values: list[Any]) -> list[Any]:
    """The equation on arrays, as a program of its own."""
    given = {
        variable: value
        for variable, value in zip(equation.invars, values, strict=True)
        if not isinstance(variable, Literal)
    }
    names = DebugInfo("late", equation.primitive.name, None, None)
    alone = Jaxpr((), list(given), equation.outvars, [equation], equation.effects, names)
    return list(jaxpr_as_fun(ClosedJaxpr(alone, ()))(*given.values()))


def _inner(equation: Any) -> ClosedJaxpr:
    inner = equation.params.get("call_jaxpr", equation.params.get("jaxpr"))
    return inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())


def _rows(params: Mapping[str, Any], given: list[Any]) -> list[Any] | None:
    """Whole rows of a table that has a scale for each row."""
    table, numbers = given
    place = params["dimension_numbers"]
    rows = _whole(table) and table.scale.shape == (len(table.values), *[1] * (table.scale.ndim - 1))
    whole = params["slice_sizes"] == (1, *table.values.shape[1:]) if rows else False
    if not whole or place.start_index_map != (0,) or place.collapsed_slice_dims != (0,):
        return None

    def look_up(array: jax.Array) -> jax.Array:
        options = {k: v for k, v in params.items() if k not in ("slice_sizes", "fill_value")}
        return jax.lax.gather(array, numbers, slice_sizes=(1, *array.shape[1:]), **options)

    found = look_up(table.values).astype(_NUMBERS) * look_up(table.scale)
    return [found.astype(table.dtype)]


def _dot(params: Mapping[str, Any], given: list[Any]) -> list[Any] | None:
    import qwix

    contracted = params["dimension_numbers"][0]
    if params["precision"] is not None or not _fits(given, contracted):
        return None
    sides = [_operand(value, sums) for value, sums in zip(given, contracted, strict=True)]
    found = qwix.dot_general(*sides, params["dimension_numbers"])
    return [found.astype(params["preferred_element_type"] or _type(given))]


def _convolution(params: Mapping[str, Any], given: list[Any]) -> list[Any] | None:
    import qwix

    places = params["dimension_numbers"]
    image, kernel = places.lhs_spec[1:], places.rhs_spec[1:]
    if params["precision"] is not None or not _fits(given, (image, kernel)) or _whole(given[0]):
        return None
    sides = [_operand(given[0], image), _operand(given[1], kernel)]
    left = ("precision", "preferred_element_type", "out_sharding")
    options = {name: value for name, value in params.items() if name not in left}
    found = qwix.conv_general_dilated(*sides, **options)
    return [found.astype(params["preferred_element_type"] or _type(given))]


def _fits(given: list[Any], contracted: Any) -> bool:
    """One is a weight, which has one scale along all that is summed, the other floating."""
    (weight, sums), *others = sorted(
        zip(given, contracted, strict=True), key=lambda side: not _whole(side[0])
    )
    floating = all(not _whole(x) and jnp.issubdtype(x.dtype, jnp.floating) for x, _ in others)
    return floating and all(weight.scale.shape[axis] == 1 for axis in sums)


def _operand(value: Any, sums: Iterable[int]) -> Any:
    """As qwix takes it; an activation gets a scale for each place that is not summed over."""
    import qwix

    if isinstance(value, Whole):
        return qwix.QArray(value.values, value.scale)
    channels = [axis for axis in range(value.ndim) if axis not in sums]
    return qwix.quantize(value.astype(_NUMBERS), jnp.int8, channelwise_axes=channels)


def _type(given: list[Any]) -> Any:
    return next(value.dtype for value in given if not _whole(value))


WEIGHT_ONLY: Mapping[str, Rule] = {"gather": _rows}
DYNAMIC: Mapping[str, Rule] = {
    "gather": _rows,
    "dot_general": _dot,
    "conv_general_dilated": _convolution,
}
