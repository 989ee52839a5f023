"""Compiles the step of an experiment, allocating nothing, and reads off what it takes."""

import hashlib
import math
import os
import re
import time
from collections import defaultdict
from collections.abc import MutableMapping, Sequence
from dataclasses import replace
from typing import Any

import jax
from jax.sharding import Mesh

from framework.parallel import build_mesh
from framework.parallel.chips import Chip, chip_of
from framework.parallel.collectives import Collective, collectives
from framework.parallel.memory_traffic import moved
from framework.parallel.operations import operations
from framework.parallel.roofline import Roofline, compute_seconds, interconnect_seconds
from framework.train.arithmetic import abstract_batch, model_operations, tokens_per_step
from framework.train.experiment import Experiment
from framework.train.planning.plan import Exchange, Memory, Plan, Speed
from framework.train.state import TrainState
from framework.train.step import Batch

_QUICK = {"optimization_level": 19}  # O1 of https://openxla.org/xla/effort_levels
_UNITS = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SIZE = r"([\d.]+)\s?([KMGT]?)"
_REFUSED = (
    re.compile(rf"Used {_SIZE}[iB]* of {_SIZE}[iB]* hbm"),
    re.compile(rf"\({_SIZE}[iB]*\) exceeds available HBM \({_SIZE}[iB]*\)"),
)


def measure(
    experiment: Experiment,
    devices: Sequence[jax.Device],
    target: str,
    *,
    quick: bool = False,
    known: MutableMapping[str, Plan] | None = None,
) -> Plan:
    """The plan of `experiment` on `devices`, which need not be there.

    Args:
        quick: compile with little effort: a quarter of the time for a TPU's program, or less,
            whose collectives are the same, but which takes up to half as much memory again.
        known: programs that were compiled before, which are not compiled again; added to.
    """
    mesh = build_mesh(experiment.mesh, devices)
    program = experiment.program(experiment.network(), mesh)
    seconds: dict[str, float] = {}
    batch = abstract_batch(experiment, mesh)
    with jax.set_mesh(mesh):
        state = program.abstract_state(experiment.values())
        begun = time.perf_counter()
        call: Any = program.call(1, state)
        step = call.trace(state, batch)
        seconds["trace"] = time.perf_counter() - begun
        lowered = step.lower()
        seconds["lower"] = time.perf_counter() - begun - seconds["trace"]
        name = hashlib.sha256(f"{quick} {lowered.as_text()}".encode()).hexdigest()
        if known is not None and name in known:
            return replace(known[name], experiment=experiment.name, steps=experiment.trainer.steps)
        begun, compiled, refusal = time.perf_counter(), None, None
        try:
            compiled = lowered.compile(_QUICK if quick else None)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            refusal = str(error)
        seconds["compile"] = time.perf_counter() - begun
    first = mesh.devices.flat[0]
    chip = chip_of(first.device_kind)
    plan = Plan(
        experiment=experiment.name,
        target=target,
        device=first.device_kind,
        platform=first.platform,
        devices=mesh.size,
        chips=mesh.size // (chip.devices if chip else 1),
        mesh=dict(mesh.shape),
        remat=getattr(experiment.model, "keywords", {}).get("remat"),
        batch_size=experiment.data.batch_size,
        tokens_per_step=tokens_per_step(experiment),
        steps=experiment.trainer.steps,
        parameters=sum(math.prod(leaf.shape) for leaf in state.params.values()),
        memory=replace(_given(state, batch), capacity=_capacity(first, chip)),
        operations={
            "model": model_operations(experiment, program),
            "hardware": operations(step.jaxpr),
        },
        seconds=seconds,
        quick=quick,
        program=name,
    )
    if compiled is None:
        wanted = _wanted(refusal or "", plan.memory.state)
        memory = replace(plan.memory, needed=wanted, refused=True)
        plan = replace(plan, memory=memory, failure=(refusal or "").splitlines()[0])
    else:
        plan = _compiled(plan, compiled, mesh, chip)
    if known is not None:
        known[name] = plan
    return plan


def _given(state: TrainState, batch: Batch) -> Memory:
    return Memory(
        parameters=_device_bytes(state.params),
        optimizer=_device_bytes(state.opt_state),
        average=_device_bytes(state.average),
        others=_device_bytes((state.model_state, state.values, state.step)),
        batch=_device_bytes(batch),
    )


def _device_bytes(tree: Any) -> int:
    """Bytes of a device's share of abstract arrays."""
    return sum(
        math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
        for leaf in jax.tree.leaves(tree)
    )


def _capacity(device: jax.Device, chip: Chip | None) -> int | None:
    if chip is not None:
        return int(chip.memory)
    if device.platform != "cpu":
        return None
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return machine // jax.local_device_count()


def _wanted(refusal: str, state: int) -> int:
    """The bytes that a program was refused for; temporaries alone are named without the state."""
    for place, pattern in enumerate(_REFUSED):
        found = pattern.search(refusal)
        if found:
            wanted = int(float(found[1]) * _UNITS[found[2]])
            return wanted + (state if place == 1 else 0)
    return state


def _compiled(plan: Plan, compiled: Any, mesh: Mesh, chip: Chip | None) -> Plan:
    stats = compiled.memory_analysis()
    kept = max(stats.output_size_in_bytes - stats.alias_size_in_bytes, 0)
    given, temporaries = stats.argument_size_in_bytes, stats.temp_size_in_bytes
    code = stats.generated_code_size_in_bytes
    total, peak = given + kept + temporaries + code, getattr(stats, "peak_memory_in_bytes", None)
    memory = replace(
        plan.memory,
        given=given,
        temporaries=temporaries,
        code=code,
        total=total,
        peak=peak,
        needed=peak if plan.platform == "tpu" and peak else total,
    )
    text = compiled.as_text()
    found = collectives(text, mesh)
    cost = compiled.cost_analysis() or {}
    bytes_moved = {
        "least": float(given + stats.output_size_in_bytes),
        "program": float(moved(text)),
        **({"xla": float(cost["bytes accessed"])} if "bytes accessed" in cost else {}),
    }
    plan = replace(plan, memory=memory, moved=bytes_moved, collectives=_summed(found))
    if chip is None:
        return plan
    return replace(plan, speed=_speed(plan, found, mesh, chip))


def _summed(found: Sequence[Collective]) -> tuple[Exchange, ...]:
    groups: dict[tuple[str, tuple[str, ...]], list[Collective]] = defaultdict(list)
    for each in found:
        groups[each.kind, each.axes].append(each)
    exchanges = [
        Exchange(
            kind,
            axes,
            count=len(group),
            times=sum(each.times for each in group),
            bytes=sum(each.times * each.bytes for each in group),
            sent=sum(each.traffic for each in group),
        )
        for (kind, axes), group in groups.items()
    ]
    return tuple(sorted(exchanges, key=lambda each: -each.sent))


def _speed(plan: Plan, found: Sequence[Collective], mesh: Mesh, chip: Chip) -> Speed:
    line = Roofline(
        compute=compute_seconds(plan.operations["hardware"], chip, plan.devices),
        memory=plan.moved["least"] / chip.bandwidth,
        interconnect=interconnect_seconds(found, list(mesh.devices.flat), chip),
    )
    traffic = plan.moved["program"] / chip.bandwidth
    ideal = compute_seconds(plan.operations["model"], chip, plan.devices)
    bound = line.seconds
    return Speed(
        compute=line.compute,
        memory=line.memory,
        traffic=traffic,
        interconnect=line.interconnect,
        bound=bound,
        expected=max(bound, traffic),
        limit=line.limit,
        mfu=ideal / bound if bound else 0.0,
        examples=plan.batch_size / bound if bound else 0.0,
        tokens=plan.tokens_per_step / bound if plan.tokens_per_step and bound else None,
    )
