"""How fast a step can be at most: by arithmetic, by memory and by what devices send each other.

S. Williams, A. Waterman and D. Patterson, "Roofline", CACM 52(4), 2009, with the interconnect as a
third roof. Each is a lower bound of the time, and so is the largest of them: as if all three
overlapped perfectly and ran at their published rates.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from framework.parallel.chips import Chip
from framework.parallel.collectives import Collective
from framework.parallel.operations import Operations

NETWORK = "network of "
"""Before the axes along which slices lie, in the names of what bounds a step."""


@dataclass(frozen=True)
class Roofline:
    """Lower bounds of the time of a step, in seconds.

    Attributes:
        compute: of the matrix products and convolutions.
        memory: of the bytes that a device must move.
        interconnect: of the collectives, by the mesh axes they run along, joined by `+`; `all` is
            that of all together over all links, `network of …` between slices.
    """

    compute: float
    memory: float
    interconnect: Mapping[str, float]

    @property
    def seconds(self) -> float:
        """The lower bound of the step."""
        return max(self.compute, self.memory, *self.interconnect.values(), 0.0)

    @property
    def limit(self) -> str:
        """What bounds it."""
        named = {"arithmetic": self.compute, "memory": self.memory}
        for axes, time in self.interconnect.items():
            named[axes if axes.startswith(NETWORK) else f"interconnect ({axes})"] = time
        return max(named, key=lambda name: named[name])


def compute_seconds(operations: Operations, chip: Chip, devices: int) -> float:
    """Seconds for `operations`, divided over `devices`, at the peak rate of each type."""
    slowest = chip.peak["float32"]
    return sum(n / chip.peak.get(kind, slowest) for kind, n in operations.items()) / devices


@dataclass(frozen=True)
class Reach:
    """How a group of devices is connected.

    Attributes:
        slices: into how many slices or nodes it falls.
        rate: bytes a second that a device can send within its part.
    """

    slices: int
    rate: float


def reach(group: Sequence[Any], chip: Chip) -> Reach:
    """How the devices of `group` are connected, by their coordinates in a torus where they have.

    A dimension of a torus has two links. Devices without coordinates are in one part where they
    belong to one process: a node whose cards a switch connects.
    """
    coordinates = [getattr(device, "coords", None) for device in group]
    if any(place is None for place in coordinates):
        parts = {getattr(device, "process_index", 0) for device in group}
        return Reach(len(parts), chip.interconnect)
    parts = {getattr(device, "slice_index", 0) or 0 for device in group}
    dimensions = sum(len(set(along)) > 1 for along in zip(*coordinates, strict=True))
    links = min(2 * max(dimensions, 1), chip.links)
    return Reach(len(parts), chip.interconnect * links / chip.links)


def interconnect_seconds(
    collectives: Iterable[Collective], devices: Sequence[Any], chip: Chip
) -> dict[str, float]:
    """Mesh axes to the least time of the collectives along them; see `Roofline.interconnect`.

    Args:
        devices: of the mesh, in its order.
    """
    seconds: dict[str, float] = {}
    everything = 0.0
    known: dict[tuple[int, ...], Reach] = {}
    for each in collectives:
        group = max(each.groups, key=len)
        if group not in known:
            known[group] = reach([devices[place] for place in group], chip)
        inside, outside = shares(each, known[group].slices)
        key = "+".join(each.axes)
        if inside:
            seconds[key] = seconds.get(key, 0.0) + inside / known[group].rate
        everything += inside / chip.interconnect
        if outside and chip.network:
            name = f"{NETWORK}{key}"
            seconds[name] = seconds.get(name, 0.0) + outside / chip.network
    return seconds | {"all": everything} if seconds else {}


def shares(each: Collective, slices: int) -> tuple[float, float]:
    """Bytes that a device sends within its slice, and to others, at the least.

    Over several slices each device of one passes on its own part of what the slice has reduced.
    """
    if slices == 1:
        return each.traffic, 0.0
    if each.kind == "collective-permute":
        return 0.0, each.traffic
    members = max(each.size // slices, 1)
    twice = 2 if each.kind == "all-reduce" else 1
    whole = twice * each.times * each.bytes
    return whole * (members - 1) / members, whole / members * (slices - 1) / slices
