"""What every trial of a sweep asks for, checked together."""

from dataclasses import dataclass

from framework.config import InvalidConfig, Problem
from framework.launch.slices import Slice, parse
from framework.launch.tpu_vm.options import KEY, TpuVmOptions


@dataclass(frozen=True)
class Kind:
    """How Cloud TPU calls a chip: `<type>-<number>`, where v4 and v5p count cores, two a chip.

    From Google's pages on each version and on TPU software versions, read in November 2026.
    """

    type: str
    counted: int
    runtime: str


KINDS = {
    "v4": Kind("v4", 2, "tpu-ubuntu2204-base"),
    "v5e": Kind("v5litepod", 1, "v2-alpha-tpuv5-lite"),
    "v5p": Kind("v5p", 2, "v2-alpha-tpuv5"),
    "v6e": Kind("v6e", 1, "v2-alpha-tpuv6e"),
}


@dataclass(frozen=True)
class Order:
    """The machines of a trial.

    Attributes:
        sweep: its name, with which the machines' names begin.
    """

    sweep: str
    slice: Slice
    slices: int
    options: TpuVmOptions

    @property
    def type(self) -> str:
        """The accelerator type of one slice."""
        kind = KINDS[self.slice.chip.name]
        return f"{kind.type}-{kind.counted * self.slice.chips}"

    @property
    def runtime(self) -> str:
        """The image of the machines."""
        return self.options.runtime_version or KINDS[self.slice.chip.name].runtime

    @property
    def hosts(self) -> int:
        """Processes of a trial."""
        return self.slice.hosts * self.slices

    @property
    def folder(self) -> str:
        """The sweep's directory as the hosts see it."""
        return f"{self.options.mount}/{self.sweep}"


def make_order(sweep: str, slice: str | None, slices: int, options: TpuVmOptions) -> Order:
    """The order of `launch.slice` and `launch.slices`.

    Raises:
        InvalidConfig: all that is wrong or missing.
    """
    return Order(sweep, check_slices(slice, slices), slices, options)


def check_slices(slice: str | None, slices: int) -> Slice:
    """What `launch.slice` names.

    Raises:
        InvalidConfig: all that is wrong with it and with their number.
    """
    problems: list[Problem] = []
    found: Slice | None = None
    try:
        found = parse("null" if slice is None else str(slice))
        if found.chip.name not in KINDS:
            hint = "Google gives it out through GKE alone: hydra/launcher=gke"
            expected = f"one of the chips {', '.join(KINDS)}"
            problems.append(Problem(f"{KEY}.slice", slice, expected, hint))
    except InvalidConfig as error:
        problems += error.problems
    if isinstance(slices, bool) or not isinstance(slices, int) or slices < 1:
        problems.append(Problem(f"{KEY}.slices", slices, "a number from 1 on"))
    if problems or found is None:
        raise InvalidConfig(*problems)
    return found
