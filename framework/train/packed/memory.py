"""How many rows the memory of the devices holds, told by the compiled program itself."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import jax

SHARE = 0.8  # of a device's memory; evaluation and fragments need the rest
_FULL = re.compile(r"RESOURCE_EXHAUSTED|out of memory", re.IGNORECASE)


def device_bytes(devices: Sequence[jax.Device]) -> int | None:
    """What a pack may use of each device; None where the devices do not tell, as CPUs."""
    limits = [(device.memory_stats() or {}).get("bytes_limit") for device in devices]
    known = [int(limit) for limit in limits if limit]
    return int(SHARE * min(known)) if known else None


def program_bytes(compiled: Any) -> int:
    """What a program needs of each device while it runs: arguments, results and the rest."""
    found = compiled.memory_analysis()
    return int(
        found.argument_size_in_bytes + found.temp_size_in_bytes + found.output_size_in_bytes
        - found.alias_size_in_bytes
    )  # fmt: skip


def most_rows(wanted: int, devices: int, limit: int | None, compiled: Callable[[int], Any]) -> int:
    """The most rows up to `wanted`, a multiple of `devices`, whose program fits into `limit`.

    Args:
        compiled: the program of so many rows.

    Returns:
        0 where not even a row on each device fits.
    """
    if limit is None:
        return wanted
    rows = wanted
    while rows:
        try:
            needed = program_bytes(compiled(rows))
        except jax.errors.JaxRuntimeError as error:
            if not _FULL.search(str(error)):
                raise
            needed = 2 * limit
        if needed <= limit:
            return rows
        each = rows // devices
        rows = devices * min(each - 1, int(each * limit / needed))
    return 0
