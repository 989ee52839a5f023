"""What a scan's equation says of its operands, which JAX versions write in two ways."""

from collections.abc import Mapping
from typing import Any


def scan_counts(parameters: Mapping[str, Any]) -> tuple[int, int]:
    """How many operands of a `scan` are constants, and how many it carries; the rest are rows."""
    if "num_consts" in parameters:
        return parameters["num_consts"], parameters["num_carry"]
    consts, carried, _ = parameters["ft_in"].unpack()  # from JAX 0.12 on
    return len(consts), len(carried)
