"""Reads the text of a compiled program (XLA's HLO): its computations, and how often each runs."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

# Bits of XLA's element types; those that are no arrays have none.
_BITS = {
    "pred": 8, "s2": 2, "s4": 4, "s8": 8, "s16": 16, "s32": 32, "s64": 64,
    "u2": 2, "u4": 4, "u8": 8, "u16": 16, "u32": 32, "u64": 64,
    "f16": 16, "bf16": 16, "f32": 32, "f64": 64, "c64": 64, "c128": 128, "f4e2m1fn": 4,
}  # fmt: skip
_ARRAY = re.compile(r"\b([a-z]\w*)\[([\d,<=]*)\]")
_BEGIN = re.compile(r"^(ENTRY\s+)?%?([\w.\-]+)\s.*\{\s*$")
_NAME = re.compile(r"%([\w.\-]+)")
_CALLED = re.compile(r"\b(calls|to_apply|condition|body|branch_computations|"
                     r"true_computation|false_computation)=(\{[^}]*\}|%[\w.\-]+)")  # fmt: skip
_TRIPS = re.compile(r'"known_trip_count":\{"n":"(\d+)"')
_PASSED_ON = ("copy", "bitcast", "convert", "reshape", "optimization-barrier", "copy-done")


def bytes_of(shape: str) -> int:
    """Bytes of all arrays in the text of a shape, such as `(f32[2,3]{1,0}, bf16[4])`."""
    total = 0
    for kind, sizes in _ARRAY.findall(shape):
        bits = _BITS.get(kind, 8 if kind.startswith("f8") else 0)
        count = math.prod(int(size.lstrip("<=")) for size in sizes.split(",") if size)
        total += -(-count * bits // 8)
    return total


@dataclass(frozen=True)
class Instruction:
    """One line: `%name = shape opcode(operands), attributes`."""

    name: str
    shape: str
    opcode: str
    operands: tuple[str, ...]
    argument: str
    attributes: str

    @cached_property
    def called(self) -> dict[str, tuple[str, ...]]:
        """The computations that it names, by the attribute's name."""
        found = _CALLED.findall(self.attributes)
        return {key: tuple(_NAME.findall(names)) for key, names in found}


@dataclass
class Computation:
    """Instructions by name, in order; parsed when they are asked for."""

    name: str
    lines: dict[str, str] = field(default_factory=dict)
    root: str = ""
    _parsed: dict[str, Instruction] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Instruction:
        if name not in self._parsed:
            self._parsed[name] = _instruction(name, self.lines[name])
        return self._parsed[name]

    def __iter__(self) -> Iterator[Instruction]:
        return (self[name] for name in self.lines)

    def operand_bytes(self, instruction: Instruction) -> int:
        """Bytes of all that `instruction` is given."""
        known = (name for name in instruction.operands if name in self.lines)
        return sum(bytes_of(self[name].shape) for name in known)


@dataclass(frozen=True)
class Module:
    """The computations of a program by name."""

    computations: dict[str, Computation]
    entry: str

    @cached_property
    def times(self) -> dict[str, int]:
        """How often each computation runs in one run of the program.

        A loop counts as often as it is said or found to go round (once where neither can be
        told), every branch of a condition as if it were taken.
        """
        found: dict[str, int] = {}

        def visit(name: str, times: int) -> None:
            found[name] = found.get(name, 0) + times
            for instruction in self.computations[name]:
                called = instruction.called
                if instruction.opcode == "while":
                    rounds = self.trips(name, instruction)
                    visit(called["body"][0], times * rounds)
                elif instruction.opcode in _RUNS:
                    for each in (each for names in called.values() for each in names):
                        visit(each, times)

        visit(self.entry, 1)
        return found

    def trips(self, inside: str, loop: Instruction) -> int:
        """How often the body of `loop`, an instruction of the computation `inside`, runs."""
        known = _TRIPS.search(loop.attributes)
        if known:
            return int(known[1])
        condition = self.computations[loop.called["condition"][0]]
        compare = condition[condition.root]
        if compare.opcode != "compare" or len(compare.operands) != 2:
            return 1
        counter, limit = (condition[name] for name in compare.operands)
        start, end = (self._at_start(inside, loop, part) for part in (counter, limit))
        if start is None or end is None:
            return 1
        distance = abs(end - start) + ("direction=LE" in compare.attributes)
        return -(-distance // self._stride(loop, counter))

    def _at_start(self, inside: str, loop: Instruction, part: Instruction) -> int | None:
        """The number that `part` of a loop's condition is when the loop begins."""
        if part.opcode == "constant":
            return _number(part)
        index = _index(part)
        computation = self.computations[inside]
        first = computation[loop.operands[0]]
        while first.opcode in _PASSED_ON and first.operands:
            first = computation[first.operands[0]]
        if index is None or first.opcode != "tuple":
            return None
        value = computation[first.operands[index]]
        while value.opcode in _PASSED_ON and value.operands:
            value = computation[value.operands[0]]
        return _number(value)

    def _stride(self, loop: Instruction, counter: Instruction) -> int:
        """By how much the loop's counter grows each time."""
        body = self.computations[loop.called["body"][0]]
        root, index = body[body.root], _index(counter)
        if root.opcode != "tuple" or index is None:
            return 1
        step = body[root.operands[index]]
        if step.opcode == "copy":
            step = body[step.operands[0]]
        if step.opcode != "add":
            return 1
        numbers = [_number(body[name]) for name in step.operands]
        return next((abs(number) for number in numbers if number), 1)


# What runs the computations that it names, once; a reduction's are scalar arithmetic.
_RUNS = ("fusion", "call", "conditional", "async-start", "custom-call")


def parse(text: str) -> Module:
    """The module that `compiled.as_text()` prints."""
    computations: dict[str, Computation] = {}
    entry, current = "", None
    for line in text.splitlines():
        if current is None or not line.startswith(" "):
            begin = _BEGIN.match(line) if not line.startswith(("HloModule", " ")) else None
            if begin:
                current = computations[begin[2]] = Computation(begin[2])
                entry = begin[2] if begin[1] else entry
            continue
        head, equals, rest = line.strip().partition(" = ")
        if not equals:
            continue
        name = head.removeprefix("ROOT ").removeprefix("%")
        current.lines[name] = rest
        if head.startswith("ROOT "):
            current.root = name
    return Module(computations, entry)


def _instruction(name: str, text: str) -> Instruction:
    end = _closing(text, 0) + 1 if text.startswith("(") else text.index(" ")
    shape, rest = text[:end], text[end:].lstrip()
    opening = rest.index("(")
    closing = _closing(rest, opening)
    argument = rest[opening + 1 : closing]
    operands = tuple(_NAME.findall(argument))
    return Instruction(name, shape, rest[:opening], operands, argument, rest[closing + 1 :])


def _closing(text: str, opening: int) -> int:
    """Where the bracket that opens at `opening` closes."""
    depth = 0
    for place in range(opening, len(text)):
        depth += (text[place] == "(") - (text[place] == ")")
        if depth == 0:
            return place
    return len(text)


def _number(instruction: Instruction) -> int | None:
    plain = instruction.opcode == "constant" and re.fullmatch(r"-?\d+", instruction.argument)
    return int(instruction.argument) if plain else None


def _index(instruction: Instruction) -> int | None:
    found = re.search(r"\bindex=(\d+)", instruction.attributes)
    return int(found[1]) if found and instruction.opcode == "get-tuple-element" else None
