"""A trial: one run of a sweep."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

State = Literal["waiting", "running", "pruned", "failed", "done"]
ENDED: tuple[State, ...] = ("pruned", "failed", "done")


@dataclass(frozen=True)
class Trial:
    """One point of a space, to be trained.

    Attributes:
        number: from 0, never used again.
        values: of the swept keys.
        overrides: the words that compose its experiment, the fixed ones and its own; among them
            `run.dir`, so that the same words continue it.
        run: its run directory, `<sweep>/trials/<number>`.
    """

    number: int
    values: Mapping[str, Any]
    overrides: tuple[str, ...]
    run: Path
