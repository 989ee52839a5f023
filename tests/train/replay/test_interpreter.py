"""The interpreter gives what evaluation gives, and names the operation that broke the numbers."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.train.replay.interpreter import Fault, Interpreter, Value
from framework.train.replay.names import scope


def interpreted(function: Callable[..., Any], *arguments: Any) -> tuple[Interpreter, list[Value]]:
    interpreter = Interpreter()
    traced = jax.make_jaxpr(function)(*arguments)
    return interpreter, interpreter(traced, *jax.tree.leaves(arguments))


def cause(function: Callable[..., Any], *arguments: Any) -> Fault | None:
    """The first fault that reaches a result."""
    faults = [v.fault for v in interpreted(function, *arguments)[1] if v.fault is not None]
    return min(faults, key=lambda fault: fault.order, default=None)


def test_in_which_round_of_a_loop() -> None:
    def logarithms(xs: jax.Array) -> jax.Array:
        def body(total: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
            return total + jnp.log(x), x

        return jax.lax.scan(body, jnp.float32(0), xs)[0]

    fault = cause(logarithms, jnp.array([1.0, 2.0, 5.0, 0.0, 0.0]))
    assert fault is not None
    assert fault.primitive == "log"
    assert [each.number for each in fault.where.rounds] == [3]
    assert fault.inputs[0].largest == 0
    assert fault.output.infinite == 1
    assert fault.place.startswith("tests/train/replay/test_interpreter.py:")
    assert fault.place.endswith("(body)")
    # The backward pass goes through the rounds from the last to the first: 1/0 is in both, and
    # the forward pass comes first.
    both = cause(jax.value_and_grad(logarithms), jnp.array([1.0, 0.0, 2.0, 0.0]))
    assert both is not None
    assert "transpose" not in both.where.names
    assert both.where.rounds[0].number == 1


@pytest.mark.parametrize(("kind", "largest"), [("float16", 65504.0), ("bfloat16", 3.3895e38)])
def test_an_overflow_with_the_sizes_of_what_went_in(kind: str, largest: float) -> None:
    fault = cause(lambda x: (x * 2) * 4, jnp.asarray([largest / 4, 1], kind))
    assert fault is not None
    assert fault.primitive == "mul"
    assert fault.order == 1  # after one operation that was still right
    assert fault.inputs[0].largest == pytest.approx(largest / 2, rel=1e-2)
    assert (fault.output.infinite, fault.output.nan, fault.output.size) == (1, 0, 2)


def test_a_gradient_that_alone_is_broken() -> None:
    """The textbook's case: the branch not taken has an infinite derivative, times 0."""

    def root(x: jax.Array) -> jax.Array:
        with jax.named_scope(scope("inner")):
            return jnp.where(x > 0, jnp.sqrt(x), 0.0).sum()

    assert cause(root, jnp.zeros(3)) is None
    fault = cause(jax.grad(root), jnp.array([4.0, 0.0]))
    assert fault is not None
    assert "[inner]" in fault.where.names
    assert fault.primitive == "div"  # 1 / √x
    assert fault.output.infinite == 1
    assert fault.place.endswith("(root)")


def test_zero_over_zero_in_the_gradient() -> None:
    def length(x: jax.Array) -> jax.Array:
        return jnp.sqrt((x**2).sum())

    _, (value,) = interpreted(jax.grad(length), jnp.zeros(2))
    assert value.extent is not None
    assert value.extent.nan == 2
    assert value.fault is not None
    assert value.fault.place.endswith("(length)")


def test_within_the_gradient_of_ones_own() -> None:
    @jax.custom_vjp
    def twice(x: jax.Array) -> jax.Array:
        return 2 * x

    def backward(_: None, gradient: jax.Array) -> tuple[jax.Array]:
        return (jnp.log(gradient - 1),)

    twice.defvjp(lambda x: (2 * x, None), backward)
    assert cause(twice, jnp.float32(3)) is None
    fault = cause(jax.grad(lambda x: twice(x)), jnp.float32(3))
    assert fault is not None
    assert fault.primitive == "log"
    assert "transpose" in fault.where.names
    assert fault.place.endswith("(<lambda>)")  # JAX keeps where it was called, not its gradient


@pytest.mark.parametrize(
    "wrap", [jax.jit, jax.checkpoint, jax.remat], ids=["jit", "remat", "again"]
)
def test_within_a_function_that_is_compiled_or_made_again(wrap: Callable[..., Any]) -> None:
    inner = wrap(lambda x: jnp.log(jnp.sin(x)) * x)
    fault = cause(jax.value_and_grad(lambda x: inner(x) + 1), jnp.float32(0))
    assert fault is not None
    assert (fault.primitive, fault.where.again) == ("log", False)
    assert "transpose" not in fault.where.names


def test_within_branches_and_loops_without_a_known_end() -> None:
    def chosen(x: jax.Array) -> jax.Array:
        return jax.lax.cond(x > 0, jnp.log, lambda x: 1 / x, x)

    fault = cause(chosen, jnp.float32(0))
    assert fault is not None
    assert fault.primitive == "div"

    def halved(x: jax.Array) -> jax.Array:
        return jax.lax.while_loop(lambda x: x < jnp.inf, lambda x: x * x, x)

    fault = cause(halved, jnp.float32(1e5))
    assert fault is not None
    assert (fault.primitive, fault.where.rounds[0].number) == ("mul", 2)  # 1e10, 1e20, then


def test_what_is_masked_away_is_not_the_cause() -> None:
    """A logarithm of 0 that is not used comes first; what breaks the result comes later."""

    def masked(x: jax.Array) -> tuple[jax.Array, jax.Array]:
        scores = jnp.where(x > 0, jnp.log(x), -1.0)
        return scores, jnp.exp(100 * x)

    interpreter, _ = interpreted(masked, jnp.array([0.0, 1.0]))
    assert [fault.primitive for fault in interpreter.faults] == ["log", "exp"]
    fault = cause(masked, jnp.array([0.0, 1.0]))
    assert fault is not None
    assert fault.primitive == "exp"
    assert cause(masked, jnp.array([0.0, 0.5])) is None


def test_infinities_that_are_written_are_no_faults() -> None:
    def attention(scores: jax.Array, seen: jax.Array) -> jax.Array:
        return jax.nn.softmax(jnp.where(seen, scores, -jnp.inf), axis=-1)

    scores = jnp.zeros((2, 3))
    interpreter, _ = interpreted(attention, scores, jnp.array([[True, True, False]] * 2))
    assert interpreter.faults == []
    # Where nothing is seen, ∞ - ∞ is.
    fault = cause(attention, scores, jnp.array([[True, True, False], [False] * 3]))
    assert fault is not None
    assert fault.primitive == "sub"
    assert fault.output.nan == 3


def test_what_came_in_is_nobodys_fault() -> None:
    interpreter, (value,) = interpreted(lambda x: jnp.sin(x) + 1, jnp.array([jnp.nan, 1]))
    assert interpreter.faults == []
    assert value.extent is not None
    assert value.extent.nan == 1


def test_loops_of_no_rounds_and_integers() -> None:
    def empty(xs: jax.Array) -> Any:
        return jax.lax.scan(lambda c, x: (c + 1, x * 2.0), 0, xs)

    _, (count, rows) = interpreted(empty, jnp.zeros((0, 3)))
    assert (int(count.array), rows.array.shape) == (0, (0, 3))


def _loop(x: jax.Array) -> jax.Array:
    def body(carry: jax.Array, row: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jnp.tanh(carry + row), carry * row

    carry, rows = jax.lax.scan(body, jnp.zeros(3), x, reverse=True)
    return jax.lax.cond(carry.sum() > 0, lambda r: r * 2, jnp.sin, rows) + carry


def _rules(x: jax.Array) -> jax.Array:
    return jax.nn.relu(x) @ jax.nn.softmax(x.T) + jax.nn.logsumexp(x) * jax.nn.silu(x[0, 0])


def _nested(x: jax.Array) -> jax.Array:
    def body(carry: jax.Array, row: jax.Array) -> tuple[jax.Array, None]:
        inner = jax.lax.fori_loop(0, 3, lambda i, c: c * row + i, carry)
        return jax.checkpoint(jnp.cos)(inner), None

    return jax.jit(lambda x: jax.lax.scan(body, jnp.ones(3), x, unroll=2)[0])(x)


def _random(x: jax.Array) -> jax.Array:
    key = jax.random.fold_in(jax.random.key(3), 5)
    return x * jax.random.bernoulli(key, 0.5, x.shape) + jax.random.normal(key)


@pytest.mark.parametrize("function", [_loop, _rules, _nested, _random])
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**16), size=st.floats(0.1, 3))
def test_it_evaluates_what_jax_evaluates(
    function: Callable[..., jax.Array], seed: int, size: float
) -> None:
    x = jnp.asarray(np.random.default_rng(seed).normal(size=(5, 3)) * size, jnp.float32)

    def work(x: jax.Array) -> Any:
        loss = jax.value_and_grad(lambda x: (function(x) ** 2).mean())
        return function(x), loss(x) if function is not _nested else 0.0

    _, values = interpreted(work, x)
    for value, expected in zip(values, jax.tree.leaves(jax.jit(work)(x)), strict=True):
        np.testing.assert_allclose(
            value.array, expected, rtol=1e-4, atol=1e-5 * float(jnp.abs(expected).max() + 1e-30)
        )
