"""Whether the trials of a sweep are rows of one program."""

from dataclasses import dataclass
from typing import Any

from framework.config.problem import InvalidConfig, Problem
from framework.launch.devices import Devices

KEY = "launch.packed"
MOST_ROWS = 64  # trials that a worker is given at once; memory may divide them further


@dataclass(frozen=True)
class Packing:
    """How many trials a worker has at once.

    Attributes:
        forced: what can be no row is refused, and not trained alone.
    """

    rows: int = 1
    forced: bool = False


UNPACKED = Packing()


def packing(asked: Any, devices: Devices) -> Packing:
    """What `launch.packed` means here: `auto` packs on accelerators.

    On a CPU one warm process that trains trials one after another was measured faster.

    Raises:
        InvalidConfig: it is neither true, false nor auto.
    """
    if not isinstance(asked, bool) and asked != "auto":  # 1 would be equal to true
        raise InvalidConfig(Problem(KEY, asked, "true, false or auto"))
    if asked is True:
        return Packing(MOST_ROWS, forced=True)
    return Packing(MOST_ROWS) if asked == "auto" and devices.kind != "cpu" else UNPACKED
