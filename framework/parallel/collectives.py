"""The collectives of a compiled program: what devices send each other, how much, along which axes.

They are read from the text of the optimised program, so that they are what will run and not what
was meant. Programs for different backends differ: a CPU's has an all-reduce and a slice where a
TPU's has a reduce-scatter, and reduces bfloat16 as float32.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from jax.sharding import Mesh

from framework.parallel.hlo import Computation, Instruction, parse

Groups = tuple[tuple[int, ...], ...]

_KIND = re.compile(
    r"(all-gather|all-reduce|reduce-scatter|all-to-all|ragged-all-to-all|collective-permute|"
    r"collective-broadcast)(-start)?$"
)
_CHANNEL = re.compile(r"\bchannel_id=(\d+)")
_OPERATION = re.compile(r'\bop_name="([^"]*)"')
_PARTITIONS = re.compile(r"\bnum_partitions=(\d+)")
_BETWEEN_SLICES = re.compile(r'_xla_megascale_transfer_type="(\w+)"')
_SPLIT = '"async_collective_fusion_config"'


class HasShape(Protocol):
    """A mesh, as far as it is needed here."""

    @property
    def shape(self) -> Mapping[str, int]:
        """Axis name to size."""
        ...


@dataclass(frozen=True)
class Collective:
    """One instruction of a program that all devices of a group do together.

    Attributes:
        kind: `all-gather`, `all-reduce`, `reduce-scatter`, `all-to-all`, `collective-permute`, …
        bytes: of the whole array that is gathered, reduced or exchanged, on one device, once:
            the result of an all-gather, the operands of the others.
        groups: the devices (by place in the mesh) that take part together; of a
            collective-permute the (source, target) pairs.
        axes: the mesh axes along which the members of a group differ.
        times: how often it runs in one run of the program.
        operation: what it is for, by JAX's names.
    """

    kind: str
    bytes: int
    groups: Groups
    axes: tuple[str, ...]
    times: int
    operation: str = ""

    @property
    def size(self) -> int:
        """Devices in a group."""
        return max((len(group) for group in self.groups), default=1)

    @property
    def traffic(self) -> float:
        """Bytes that a device must send in one run of the program, at the least.

        (n − 1)/n of the array for an all-gather, a reduce-scatter and an all-to-all, twice that
        for an all-reduce, all of it for a permute (Thakur et al. 2005, section 4).
        """
        share = (self.size - 1) / self.size
        if self.kind in ("collective-permute", "collective-broadcast"):
            share = 1.0 if self.size > 1 else 0.0
        return self.times * self.bytes * share * (2 if self.kind == "all-reduce" else 1)


def collectives(text: str, mesh: HasShape) -> tuple[Collective, ...]:
    """Every collective of the program that `compiled.as_text()` prints, over `mesh`.

    Those of a loop's body are one, with `times`; the start and the end of an asynchronous one
    count once, and so do the parts of one that the TPU's compiler spreads over fusions. The
    program of a TPU of several slices is that of one slice, which sends to the others.
    """
    module = parse(text)
    layout = _Layout.of(text, mesh)
    found: list[Collective] = []
    split: set[str] = set()
    for name, times in module.times.items():
        computation = module.computations[name]
        for instruction in _candidates(computation):
            collective = _read(computation, instruction, layout, times)
            channel = _CHANNEL.search(instruction.attributes)
            if _SPLIT in instruction.attributes and channel:
                if channel[1] in split:
                    continue
                split.add(channel[1])
            if collective is not None:
                found.append(collective)
    return tuple(found)


def counted(found: Iterable[Collective]) -> dict[tuple[str, tuple[str, ...]], int]:
    """(kind, axes) to how many instructions of it there are."""
    return dict(Counter((each.kind, each.axes) for each in found))


@dataclass(frozen=True)
class _Layout:
    """Where the devices of a program lie in the mesh.

    Attributes:
        slices: for each slice, the places in the mesh of its devices, in the program's order.
    """

    shape: Mapping[str, int]
    slices: Sequence[Sequence[int]]

    @classmethod
    def of(cls, text: str, mesh: HasShape) -> "_Layout":
        everything = math.prod(mesh.shape.values())
        found = _PARTITIONS.search(text, 0, text.find("\n"))
        size = int(found[1]) if found else everything
        numbers = [place // size for place in range(everything)]
        if isinstance(mesh, Mesh) and size < everything:
            numbers = [getattr(device, "slice_index", 0) for device in mesh.devices.flat]
        slices: dict[int, list[int]] = {}
        for place, number in enumerate(numbers):
            slices.setdefault(number, []).append(place)
        return cls(mesh.shape, list(slices.values()))

    def within(self, attributes: str) -> Groups:
        """The groups that `attributes` name, in the first slice, as places in the mesh."""
        places = self.slices[0]
        groups = _groups(attributes, len(places))
        return tuple(tuple(places[device] for device in group) for group in groups)

    def between(self) -> Groups:
        """A group of the devices with the same place in each of the slices, for each place."""
        return tuple(zip(*self.slices, strict=True))


def _candidates(computation: Computation) -> list[Instruction]:
    kinds = ("all-", "reduce-scatter", "collective-", "_xla_megascale_transfer_type")
    named = [name for name, line in computation.lines.items() if any(k in line for k in kinds)]
    found = [computation[name] for name in named]
    return [i for i in found if _KIND.match(i.opcode) or _sent(i)]


def _sent(instruction: Instruction) -> re.Match[str] | None:
    """A match of the kind of what is sent to other slices."""
    if instruction.opcode != "send":
        return None
    return _BETWEEN_SLICES.search(instruction.attributes)


def _read(
    computation: Computation, instruction: Instruction, layout: _Layout, times: int
) -> Collective | None:
    """The collective that `instruction` is; None where each device is a group of its own."""
    matched, sent = _KIND.match(instruction.opcode), _sent(instruction)
    if sent is not None:
        kind, groups = sent[1].lower().replace("_", "-"), layout.between()
    else:
        assert matched is not None
        kind, groups = matched[1], layout.within(instruction.attributes)
    if kind == "all-reduce" and computation.name.startswith("all-reduce-scatter"):
        kind = "reduce-scatter"  # as a TPU's program has it: a fusion of both steps
    size = max((len(group) for group in groups), default=1)
    if size == 1:
        return None
    given = computation.operand_bytes(instruction)
    operation = _OPERATION.search(instruction.attributes)
    return Collective(
        kind=kind,
        bytes=given * size if kind == "all-gather" else given,
        groups=groups,
        axes=_axes(groups, layout.shape),
        times=times,
        operation=operation[1] if operation else "",
    )


def _axes(groups: Groups, shape: Mapping[str, int]) -> tuple[str, ...]:
    """The axes along which the members of any of the groups differ."""
    differ = np.zeros(len(shape), bool)
    for group in groups:
        places = np.stack(np.unravel_index(group, tuple(shape.values())))
        differ |= (places != places[:, :1]).any(axis=1)
    return tuple(axis for axis, varies in zip(shape, differ, strict=True) if varies)


def _groups(attributes: str, devices: int) -> Groups:
    """The devices that take part together, from any of the forms that XLA writes.

    `replica_groups={{0,1},{2,3}}`, `[2,2]<=[2,2]T(1,0)`, `mesh['a'=2,'b'=2] {'b'}`, or
    `source_target_pairs={{0,1},{1,0}}`; `{}` stands for all.
    """
    pairs = re.search(r"\bsource_target_pairs=\{([\d,{} ]*)\}", attributes)
    if pairs:
        return _listed(pairs[1])
    plain = re.search(r"\breplica_groups=\{((?:\{[\d, ]*\},?\s*)*)\}", attributes)
    if plain:
        return _listed(plain[1]) or (tuple(range(devices)),)
    iota = re.search(r"\breplica_groups=\[([\d,]+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?", attributes)
    if iota:
        return _rows(_iota(iota[2], iota[3]).reshape(_numbers(iota[1])))
    named = re.search(
        r"\breplica_groups=@?mesh[\[<]([^\]>]*)[\]>](?:,\s*device_ids=\(([^{}]*?)\))?\s*\{([^}]*)\}",
        attributes,
    )
    if named:
        return _by_axes(named[1], named[2], named[3])
    return (tuple(range(devices)),)


def _by_axes(axes: str, order: str | None, taken: str) -> Groups:
    """Groups along some axes of a mesh: `'a'=2,'b'=4` and `'b':(2)2`, the minor 2 of 4."""
    sizes = {name: int(size) for name, size in re.findall(r"'?([\w.]+)'?=(\d+)", axes)}
    devices = np.arange(math.prod(sizes.values()))
    if order:
        reordered = re.match(r"\[([\d,]+)\](?:T\(([\d,]+)\))?", order)
        ids = _iota(reordered[1], reordered[2]) if reordered else np.array(_numbers(order))
        devices = ids.ravel()
    parts = [
        (name, int(before or 1), int(size or sizes[name]))
        for name, before, size in re.findall(r"'?([\w.]+)'?(?::\((\d+)\)(\d+))?", taken)
    ]
    split: list[int] = []  # the mesh's shape, each axis cut where a part of it is taken
    places: list[int] = []  # of the parts that are taken
    for name, size in sizes.items():
        done = 1
        for _, before, part in sorted(p for p in parts if p[0] == name):
            places.append(len(split) + 1)
            split += [before // done, part]
            done = before * part
        split.append(size // done)
    rest = [place for place in range(len(split)) if place not in places]
    grid = devices.reshape(split).transpose([*rest, *places])
    return _rows(grid.reshape(-1, math.prod(split[place] for place in places)))


def _iota(shape: str, permutation: str | None) -> np.ndarray:
    sizes = _numbers(shape)
    grid = np.arange(math.prod(sizes)).reshape(sizes)
    return grid.transpose(_numbers(permutation)) if permutation else grid


def _listed(text: str) -> Groups:
    return tuple(tuple(_numbers(group)) for group in re.findall(r"\{([\d, ]*)\}", text))


def _rows(grid: np.ndarray) -> Groups:
    return tuple(tuple(int(device) for device in row) for row in grid)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number.strip()]
