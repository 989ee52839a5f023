"""Bytes that a compiled program moves to and from the memory of a device: an estimate by text.

XLA's own `cost_analysis()['bytes accessed']` counts the body of a loop once and says nothing for
GPU targets. Here each instruction outside a fusion reads its operands and writes its result, as
often as it runs. What lies in a TPU's on-chip memory is not counted, a slice counts by its own
size, an update in place by what is written.
"""

import re

from framework.parallel.hlo import Computation, Instruction, Module, bytes_of, parse

# No work of their own, or work that is counted where it is done.
_FREE = {
    "parameter", "constant", "tuple", "get-tuple-element", "bitcast", "while", "call",
    "conditional", "after-all", "partition-id", "replica-id", "optimization-barrier", "iota",
    "async-start", "async-update", "async-done", "copy-done", "slice-done", "all-reduce-done",
    "all-gather-done", "collective-permute-done", "dynamic-slice-done", "send-done", "recv-done",
}  # fmt: skip
_SLICES = ("dynamic-slice", "slice", "gather")
_ON_CHIP = re.compile(r"\b[a-z]\w*\[[\d,<=]*\]\{[^{}]*S\(\d+\)[^{}]*\}")


def moved(text: str) -> int:
    """Bytes read and written by one device in one run of the program `compiled.as_text()`."""
    module = parse(text)
    inside = {
        name
        for computation in module.computations.values()
        for instruction in computation
        if instruction.opcode == "fusion"
        for name in instruction.called.get("calls", ())
    }
    return sum(
        times * sum(_bytes(module, computation, each) for each in computation)
        for name, times in module.times.items()
        if name not in inside
        for computation in (module.computations[name],)
    )


def _bytes(module: Module, computation: Computation, instruction: Instruction) -> int:
    if instruction.opcode in _FREE:
        return 0
    shapes = [computation[n].shape for n in instruction.operands if n in computation.lines]
    if instruction.opcode in _SLICES:
        return 2 * _stored(instruction.shape)
    if instruction.opcode == "slice-start":
        return min(map(bytes_of, instruction.shape.split("), ")[-1:]), default=0)
    if instruction.opcode == "copy-start":
        return _stored(instruction.shape)
    if instruction.opcode in ("dynamic-update-slice", "scatter"):
        return 2 * sum(map(_stored, shapes[1:2]))
    if instruction.opcode == "fusion":
        return _fused(module.computations[instruction.called["calls"][0]])
    return _stored(instruction.shape) + sum(map(_stored, shapes))


def _fused(body: Computation) -> int:
    """What a fusion reads of its parameters and writes of its results."""
    users: dict[str, list[Instruction]] = {}
    for instruction in body:
        for name in instruction.operands:
            users.setdefault(name, []).append(instruction)
    total = 0
    for parameter in body:
        if parameter.opcode != "parameter":
            continue
        taken = users.get(parameter.name, [])
        if taken and all(each.opcode in _SLICES for each in taken):
            total += min(sum(_stored(e.shape) for e in taken), _stored(parameter.shape))
        elif taken and all(_updates(each, parameter.name) for each in taken):
            continue  # it stays where it is
        else:
            total += _stored(parameter.shape)
    root = body[body.root]
    written = [body[n] for n in root.operands] if root.opcode == "tuple" else [root]
    for result in written:
        if result.opcode == "dynamic-update-slice":
            total += bytes_of(body[result.operands[1]].shape)
        else:
            total += _stored(result.shape)
    return total


def _updates(instruction: Instruction, name: str) -> bool:
    return instruction.opcode == "dynamic-update-slice" and instruction.operands[0] == name


def _stored(shape: str) -> int:
    """Bytes of the arrays of `shape` that lie in the device's main memory."""
    return bytes_of(_ON_CHIP.sub("", shape))
