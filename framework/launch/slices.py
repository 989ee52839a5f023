"""TPU slices that can be had on Google Cloud: chip, topology, machine, hosts.

One table with what a chip can do (`framework.parallel.chips`, with its sources) and the topologies
that there are (`framework.train.planning.target`). What is added here, the accelerator's name on
GKE and the machines, is from xpk's and AXLearn's `system_characteristics.py` and from Google's
pages "TPUs in GKE" and of each version, read in November 2026. A "type" such as v6e-8 is one
machine in one tool and two in another: a slice is known by accelerator, topology and machine.
"""

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass

from framework.config import InvalidConfig, Problem, nearest
from framework.parallel import MeshOptions
from framework.parallel.chips import CHIPS, Chip
from framework.parallel.mesh import slice_axes
from framework.train.planning.target import TOPOLOGIES, Target


@dataclass(frozen=True)
class Machine:
    """A kind of virtual machine.

    Attributes:
        chips: in one.
        topologies: that can be made of it; empty where every one that it divides.
    """

    name: str
    chips: int
    topologies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hardware:
    """How a chip is asked for.

    Attributes:
        accelerator: the value of the node label cloud.google.com/gke-tpu-accelerator.
        machines: the one that is taken unless another is named comes first.
    """

    accelerator: str
    machines: tuple[Machine, ...]


def _flat(family: str) -> tuple[Machine, ...]:
    """Machines of the chips whose torus has two dimensions: 1 and 8 chips are one host alone."""
    return (
        Machine(f"{family}-1t", 1, ("1x1",)),
        Machine(f"{family}-8t", 8, ("2x4",)),
        Machine(f"{family}-4t", 4),
    )


HARDWARE: Mapping[str, Hardware] = {
    "v4": Hardware("tpu-v4-podslice", (Machine("ct4p-hightpu-4t", 4),)),
    "v5e": Hardware("tpu-v5-lite-podslice", _flat("ct5lp-hightpu")),
    "v5p": Hardware("tpu-v5p-slice", (Machine("ct5p-hightpu-4t", 4),)),
    "v6e": Hardware("tpu-v6e-slice", _flat("ct6e-standard")),
    "7x": Hardware("tpu7x", (Machine("tpu7x-standard-4t", 4),)),
}
_CHIPS = {chip.name: chip for chip in CHIPS}


@dataclass(frozen=True)
class Slice:
    """Chips that are wired to each other: what one job of a trial is given.

    Attributes:
        topology: of the chips, as `4x4x8`.
    """

    chip: Chip
    topology: str
    machine: Machine

    @property
    def name(self) -> str:
        """As it is asked for, such as v5e:16x16."""
        return f"{self.chip.name}:{self.topology}"

    @property
    def accelerator(self) -> str:
        """What GKE calls the chip."""
        return HARDWARE[self.chip.name].accelerator

    @property
    def chips(self) -> int:
        """The product of the topology."""
        return _product(self.topology)

    @property
    def hosts(self) -> int:
        """Machines, and so pods and processes."""
        return self.chips // self.machine.chips

    @property
    def devices(self) -> int:
        """As JAX counts them."""
        return self.chips * self.chip.devices

    def target(self, slices: int) -> str:
        """What a plan calls so many of them."""
        return self.name if slices == 1 else f"{slices}x{self.name}"


def parse(name: str, machine: str | None = None, key: str = "launch.slice") -> Slice:
    """The slice that is called `name`, such as `v5e:16x16`, of machines of a kind.

    Args:
        machine: its name; None takes the one that makes the fewest hosts.
        key: what errors call the name.

    Raises:
        InvalidConfig: there is no such slice, or it is not made of such machines.
    """
    try:
        target = Target.named(name)
    except InvalidConfig as error:
        raise InvalidConfig(*(_renamed(problem, key) for problem in error.problems)) from error
    if target.chip not in TOPOLOGIES:
        raise InvalidConfig(Problem(key, name, "a TPU slice, such as v5e:16x16"))
    if target.slices != 1 or name.startswith("1x"):
        alone = f"{target.chip}:{target.topology}"
        hint = f"{key}={alone} launch.slices={target.slices}"
        raise InvalidConfig(Problem(key, name, "one slice, and how many in launch.slices", hint))
    possible = _machines(target.chip, target.topology)
    chosen = next((each for each in possible if machine in (None, each.name)), None)
    if chosen is None:
        names = [each.name for each in possible]
        expected = f"a machine that {target.chip}:{target.topology} is made of"
        hint = nearest(machine or "", names)
        raise InvalidConfig(Problem(key.rpartition(".")[0] + ".machine", machine, expected, hint))
    return Slice(_CHIPS[target.chip], target.topology, chosen)


def every_slice() -> list[Slice]:
    """Every chip in every topology of every machine that there is."""
    return [
        Slice(_CHIPS[chip], topology, machine)
        for chip, topologies in TOPOLOGIES.items()
        for topology in topologies
        for machine in _machines(chip, topology)
    ]


def check_mesh(mesh: MeshOptions, slice: Slice, slices: int) -> dict[str, int]:
    """The mesh on so many slices, axis name to size.

    Raises:
        InvalidConfig: its axes do not multiply to the devices, it leaves some of them out, or it
            cannot be cut into the slices.
    """
    devices = slice.devices * slices
    hosts = "one host" if slice.hosts * slices == 1 else f"{slice.hosts * slices} hosts"
    where = f"{slices} × {slice.name}" if slices > 1 else slice.name
    hosts = f"{where} has {hosts}, {devices} devices in all"
    try:
        shape = mesh.shape(devices)
        if math.prod(shape.values()) != devices:
            expected = f"all of the {devices} devices"
            raise InvalidConfig(Problem("mesh.devices", mesh.devices, expected))
        slice_axes(shape, slices)
    except InvalidConfig as error:
        raise InvalidConfig(
            *(
                Problem(p.key, p.value, p.expected, "; ".join(filter(None, (hosts, p.hint))))
                for p in error.problems
            )
        ) from error
    return shape


def _machines(chip: str, topology: str) -> list[Machine]:
    """Those that the topology can be made of, the fewest hosts first."""
    chips = _product(topology)
    found = [
        machine
        for machine in HARDWARE[chip].machines
        if topology in (machine.topologies or (topology,)) and chips % machine.chips == 0
    ]
    return sorted(found, key=lambda machine: -machine.chips)


def _product(topology: str) -> int:
    return math.prod(int(size) for size in topology.split("x"))


def _renamed(problem: Problem, key: str) -> Problem:
    if not problem.expected.startswith("local, "):
        return Problem(key, problem.value, problem.expected, problem.hint)
    names = [f"{chip}:{topology}" for chip, known in TOPOLOGIES.items() for topology in known]
    close = difflib.get_close_matches(str(problem.value), names, n=1, cutoff=0.3)
    hint = f"the nearest is {close[0]}; " if close else ""
    hint += f"chips: {', '.join(TOPOLOGIES)}"
    return Problem(key, problem.value, "a TPU slice, such as v5e:16x16", hint)
