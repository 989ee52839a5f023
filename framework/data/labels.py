"""Labels as numbers: classes from their names or values, and what may be wrong with them."""

from pathlib import Path

import numpy as np

from framework.config import InvalidConfig, Problem


def check_classes(
    labels: np.ndarray, names: tuple[str, ...], place: Path | str, key: str = "classes"
) -> None:
    """Raises InvalidConfig for the first integer label that is not a class."""
    outside = np.flatnonzero((labels < 0) | (labels >= len(names)))
    if len(outside):
        first = int(outside[0])
        raise InvalidConfig(
            Problem(
                key,
                ",".join(names),
                f"a class for every label, 0 to {len(names) - 1}",
                f"label {labels[first]} at example {first} of {place} has none"
                f" ({len(outside)} such examples)",
            )
        )
