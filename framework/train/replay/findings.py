"""What was seen in a step as plain data: what `replay.json` holds and a person is told."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from framework.train.replay.before import Before
from framework.train.replay.evaluation import OPTIMIZER, Evaluated
from framework.train.replay.extent import Extent
from framework.train.replay.interpreter import Fault, Mark, Where
from framework.train.replay.names import module_of

SHOWN = 5


def findings(
    before: Before, inputs: Mapping[str, Extent], seen: Evaluated, losses: np.ndarray
) -> dict[str, Any]:
    """All that is known of the step; numbers that are not finite are None, as JSON has none."""
    wrong = {name: each for name, each in inputs.items() if not each.finite}
    broken = {name: each for name, each in seen.results.items() if not each.finite}
    outputs = [mark for mark in seen.marks if not mark.gradient]
    gradients = {
        name.partition("/")[2]: each
        for name, each in seen.results.items()
        if name.startswith("gradient/")
    }
    return {
        "run": str(before.directory.path),
        "step": int(before.state.step) + 1,
        "from_step": before.origin,
        "batch": before.number,
        "loss": _number(seen.loss),
        "gradient_norm": _number(seen.gradient_norm),
        "compiled": {name: _number(value) for name, value in seen.compiled.items()},
        "finite": not wrong and not broken and all(map(math.isfinite, seen.compiled.values())),
        "inputs_not_finite": _by_name(wrong),
        "results_not_finite": _by_name(broken),
        "first": None if seen.fault is None else _first(seen.fault, seen.forward),
        "nearest_before": _nearest(seen),
        "passing": [_operation(fault) for fault in seen.passing[:SHOWN]],
        "passing_count": len(seen.passing),
        "modules": [_mark(mark) for mark in outputs],
        "largest_activations": [_mark(mark) for mark in _largest(outputs)],
        "largest_gradients": _by_name(
            dict(sorted(gradients.items(), key=lambda pair: -pair[1].largest)[:SHOWN])
        ),
        "examples": _examples(before.batch.get("index"), losses),
    }


def layer_of(where: Where) -> int | None:
    """The number of the layer, in a stack that is a loop over modules."""
    inner = module_of(where.names)
    layers = [each.number for each in where.rounds if each.module not in (None, inner)]
    return layers[-1] if layers else None


def microbatch_of(where: Where) -> int | None:
    """The number of the microbatch, where the batch is cut: that loop is in no module."""
    numbers = [each.number for each in where.rounds if each.module is None]
    return numbers[0] if numbers and module_of(where.names) is not None else None


def _first(fault: Fault, forward: bool) -> dict[str, Any]:
    found = _operation(fault)
    direction = "forward" if forward else "backward"
    return {**found, "pass": "update" if found["module"] == OPTIMIZER else direction}


def _operation(fault: Fault) -> dict[str, Any]:
    return {
        "module": module_of(fault.where.names),
        "layer": layer_of(fault.where),
        "microbatch": microbatch_of(fault.where),
        "again": fault.where.again,
        "rounds": [{"module": m, "number": n} for m, n in fault.where.rounds],
        "operation": fault.primitive,
        "place": fault.place,
        "inputs": [_number(each.largest) for each in fault.inputs],
        "output": _extent(fault.output),
    }


def _nearest(seen: Evaluated) -> list[dict[str, Any]]:
    """The marks that the evaluation passed last before the fault."""
    if seen.fault is None:
        return []
    passed = seen.marks[max(0, seen.fault.marks - SHOWN) : seen.fault.marks]
    return [{**_mark(mark), "gradient": mark.gradient} for mark in passed]


def _largest(marks: Sequence[Mark]) -> list[Mark]:
    return sorted(marks, key=lambda mark: -mark.extent.largest)[:SHOWN]


def _examples(index: np.ndarray | None, losses: np.ndarray) -> dict[str, Any]:
    """How many losses are not finite, and the examples with the largest ones, those first."""
    finite = np.isfinite(losses)
    order = np.argsort(np.where(finite, -losses, -np.inf), kind="stable")[:SHOWN]
    rows = np.arange(len(losses)) if index is None else np.asarray(index)
    return {
        "count": len(losses),
        "not_finite": int((~finite).sum()),
        "median_loss": _number(float(np.median(losses[finite]))) if finite.any() else None,
        "largest": [
            {"row": int(i), "index": int(rows[i]), "loss": _number(float(losses[i]))} for i in order
        ],
    }


def _mark(mark: Mark) -> dict[str, Any]:
    return {
        "module": mark.module, "layer": layer_of(mark.where),
        "microbatch": microbatch_of(mark.where), **_extent(mark.extent),
    }  # fmt: skip


def _by_name(extents: Mapping[str, Extent]) -> list[dict[str, Any]]:
    return [{"name": name, **_extent(each)} for name, each in extents.items()]


def _extent(each: Extent) -> dict[str, Any]:
    return {
        "largest": _number(each.largest), "nan": each.nan, "infinite": each.infinite,
        "share_not_finite": each.share,
    }  # fmt: skip


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
