"""What a plan says, as plain numbers that JSON can hold."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Memory:
    """Bytes on one device.

    Attributes:
        parameters, optimizer, average, others, batch: what the step is given, by purpose.
        given: all of it, as the compiler lays it out.
        temporaries: activations and temporaries.
        code: of the program.
        total: given, temporaries, code, and results that take nothing's place.
        peak: what the compiler calls the peak.
        needed: what is compared with the capacity: where the program was refused, what it
            asked for; on TPUs the peak, as their compiler's temporaries count what is reused
            several times; elsewhere the total.
        capacity: of the device; on CPUs, its share of the machine's memory.
        refused: whether the compiler found that it does not fit.
    """

    parameters: int
    optimizer: int
    average: int
    others: int
    batch: int
    given: int | None = None
    temporaries: int | None = None
    code: int | None = None
    total: int | None = None
    peak: int | None = None
    needed: int | None = None
    capacity: int | None = None
    refused: bool = False

    @property
    def state(self) -> int:
        """Bytes of the train state."""
        return self.parameters + self.optimizer + self.average + self.others

    @property
    def fits(self) -> bool | None:
        """Whether the program fits; None where the device's memory is not known."""
        if self.refused:
            return False
        if self.needed is None or self.capacity is None:
            return None
        return self.needed <= self.capacity


@dataclass(frozen=True)
class Exchange:
    """All collectives of a kind along the same mesh axes, in one step.

    Attributes:
        count: in the program.
        times: that they run.
        bytes: of the arrays, on a device.
        sent: by a device, at the least.
    """

    kind: str
    axes: tuple[str, ...]
    count: int
    times: int
    bytes: int
    sent: float


@dataclass(frozen=True)
class Speed:
    """Lower bounds of the time of a step, in seconds, and what follows from them.

    Attributes:
        memory: for the bytes that the step must read and write: its state and batch.
        traffic: for all the bytes that the program moves, an estimate.
        bound: no step is faster.
        expected: the bound with `traffic` in place of `memory`.
        mfu: model operations at the bound, as a share of the peak: the highest there can be.
    """

    compute: float
    memory: float
    traffic: float
    interconnect: Mapping[str, float]
    bound: float
    expected: float
    limit: str
    mfu: float
    examples: float
    tokens: float | None = None
    step_cost: float | None = None
    run_cost: float | None = None


@dataclass(frozen=True)
class Plan:
    """One program on one target.

    Attributes:
        operations: of a step, over all devices: `model` as three forward passes, `hardware` as
            counted in the step, with what is computed twice; by type of the operands.
        moved: bytes that one device moves in a step: `least`, `program` (estimate), `xla`.
        seconds: taken by `trace`, `lower` and `compile`.
        quick: compiled with little effort, for comparison with others.
        failure: why there is no program.
        program: a hash of what is compiled: the same for experiments that differ in values only.
    """

    experiment: str
    target: str
    device: str
    platform: str
    devices: int
    chips: int
    mesh: Mapping[str, int]
    remat: str | None
    batch_size: int
    tokens_per_step: int | None
    steps: int
    parameters: int
    memory: Memory
    operations: Mapping[str, Mapping[str, float]]
    moved: Mapping[str, float] = field(default_factory=dict)
    collectives: tuple[Exchange, ...] = ()
    speed: Speed | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    quick: bool = False
    failure: str | None = None
    program: str = ""

    def json(self) -> dict[str, Any]:
        """JSON values, from which `from_json` makes the same."""
        return {**asdict(self), "fits": self.memory.fits}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Plan":
        """The inverse of `json`."""
        given = {name: value for name, value in values.items() if name != "fits"}
        given["memory"] = Memory(**given["memory"])
        given["collectives"] = tuple(
            Exchange(**{**each, "axes": tuple(each["axes"])}) for each in given["collectives"]
        )
        given["speed"] = None if given["speed"] is None else Speed(**given["speed"])
        return cls(**given)


def shown_mesh(mesh: Mapping[str, int]) -> str:
    """The axes of a mesh that have more than one device."""
    return " × ".join(f"{axis} {size}" for axis, size in mesh.items() if size > 1) or "one device"
