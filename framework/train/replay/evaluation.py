"""The step's loss, gradient and update, evaluated operation by operation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np
import optax

from framework.parallel import batch_putter, placed
from framework.train.program import Program
from framework.train.replay.before import Before
from framework.train.replay.extent import Extent, extent
from framework.train.replay.interpreter import Fault, Interpreter, Mark, Value
from framework.train.replay.names import named, naming_calls, scope
from framework.train.state import TrainState
from framework.train.step import Batch, make_gradients, make_loss

OPTIMIZER = "optimizer"
_PARTS = ("params", "model_state", "opt_state", "average", "values")


@dataclass(frozen=True)
class Evaluated:
    """What was seen.

    Attributes:
        results: extents by name of what the step gives: `loss`, `gradient/…`, `params/…`, ….
        loss, gradient_norm: of the evaluation operation by operation.
        compiled: `loss` and `gradient_norm` of the run's own program.
        fault: the operation that what is not finite in the results comes from; that of the loss
            counts before that of a gradient.
        forward: whether it reached what the forward pass gives. The derivative of an operation is
            computed beside it, so that its place among the operations does not tell.
        passing: operations that made such numbers before it, or at all, which reached no result.
        marks: outputs of modules and gradients by them, in order.
    """

    results: dict[str, Extent]
    loss: float
    gradient_norm: float
    compiled: dict[str, float]
    fault: Fault | None
    forward: bool
    passing: list[Fault]
    marks: list[Mark]


def inputs_of(before: Before) -> dict[str, Extent]:
    """The extents of the arrays that go into the step, by name."""
    parts = {part: getattr(before.state, part) for part in _PARTS} | {"batch": before.batch}
    found: dict[str, Extent] = {}
    for name, part in parts.items():
        found |= flat_extents({name: part})
    return found


def flat_extents(tree: Any) -> dict[str, Extent]:
    """The extents of the floating arrays of a tree, by path."""
    found = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        seen = leaf.extent if isinstance(leaf, Value) else extent(leaf)
        if seen is not None:
            found[jax.tree_util.keystr(path, simple=True, separator="/")] = seen
    return found


def evaluate(before: Before) -> Evaluated:
    """Makes the step again, once compiled and once operation by operation."""
    program, state = before.program, before.state
    batch = batch_putter(program.mesh_options, program.mesh)(before.batch)
    _, metrics = jax.jit(program.step)(state, batch)
    network = named(program.network)
    work = _work(replace(program, network=network))
    with naming_calls(network):
        traced, shape = jax.make_jaxpr(work, return_shape=True)(state, batch)
    interpreter = Interpreter()
    values = interpreter(traced, *jax.tree.leaves((state, batch)))
    results = jax.tree.unflatten(jax.tree.structure(shape), values)
    forward = _first({name: results[name] for name in ("loss", "model_state")})
    fault = forward or _first(results)
    return Evaluated(
        results=flat_extents(results),
        loss=float(results["loss"].array),
        gradient_norm=float(results["gradient_norm"].array),
        compiled={name: float(metrics[name]) for name in ("loss", "gradient_norm")},
        fault=fault,
        forward=forward is not None,
        passing=[f for f in interpreter.faults if fault is None or f.order < fault.order],
        marks=interpreter.marks,
    )


def _first(results: Any) -> Fault | None:
    """The first operation that any of the results come from."""
    found = [value.fault for value in jax.tree.leaves(results) if value.fault is not None]
    return min(found, key=lambda fault: fault.order, default=None)


def _work(program: Program) -> Callable[[TrainState, Batch], dict[str, Any]]:
    """What the step does, its results by name; no guard holds anything back."""
    network, steps = program.network, program.steps
    gradients = make_gradients(network, program.precision, program.accumulate)

    def work(state: TrainState, batch: Batch) -> dict[str, Any]:
        key = jax.random.fold_in(state.key, state.step)
        gradient, model_state, metrics = gradients(state, batch, key)
        with jax.named_scope(scope(OPTIMIZER)):
            optimizer = state.values.optimizer
            factor = state.values.schedule(state.step, steps)
            transformation = optimizer.transformation(factor, state.params, network.axes)
            updates, opt_state = transformation.update(gradient, state.opt_state, state.params)
            params = optax.apply_updates(state.params, updates)
            norm = optax.tree.norm(gradient)
        return {
            "loss": metrics["loss"], "gradient_norm": norm, "gradient": gradient,
            "model_state": model_state, "opt_state": opt_state, "params": params,
        }  # fmt: skip

    return placed(work, program.mesh_options, program.mesh)


def losses_of_examples(before: Before) -> np.ndarray:
    """The loss of each example of the batch, float [batch]; of text the mean over its tokens."""
    program, state = before.program, before.state
    loss = make_loss(program.network, program.precision)
    key = jax.random.fold_in(state.key, state.step)

    def work(state: TrainState, batch: Batch) -> Any:
        losses = loss(
            state.params, state.model_state, state.values, batch, key, lambda each, _: each
        )[1][1]["loss"]
        weights = state.values.task.weights(batch)
        if losses.ndim == 1:
            return losses
        weights = jax.numpy.ones_like(losses) if weights is None else weights
        total = jax.numpy.maximum(weights.sum(range(1, losses.ndim)), 1)
        return (losses * weights).sum(range(1, losses.ndim)) / total

    batch = batch_putter(program.mesh_options, program.mesh)(before.batch)
    found = jax.jit(placed(work, program.mesh_options, program.mesh))(state, batch)
    return np.asarray(found, np.float64)
