"""The table of a model's parameters, on the terminal at start and in `model.json`."""

import math
from collections.abc import Sequence
from typing import Any

from jax.sharding import Mesh
from rich.console import Console
from rich.table import Table

from framework.models.network import Network
from framework.train.experiment import Experiment
from framework.train.state import TrainState

ROWS_SHOWN = 12


def summarise(network: Network, state: TrainState) -> list[dict[str, Any]]:
    """Path, shape, axis names, type and bytes of every parameter, and how it is divided."""
    axes = network.axes
    return [
        {
            "path": path,
            "shape": list(array.shape),
            "axes": list(axes.get(path, ())),
            "type": str(array.dtype),
            "bytes": array.nbytes,
            "partition": str(array.sharding.spec),  # type: ignore[attr-defined]
        }
        for path, array in state.params.items()
    ]


def print_summary(
    console: Console, name: str, rows: Sequence[dict[str, Any]], experiment: Experiment, mesh: Mesh
) -> None:
    """What is about to be trained; the middle of a long table of parameters is left out."""
    parameters = sum(math.prod(row["shape"]) for row in rows)
    size = sum(row["bytes"] for row in rows)
    shape = " × ".join(f"{axis} {n}" for axis, n in mesh.shape.items() if n > 1) or "one device"
    data = experiment.data
    splits = ", ".join(f"{len(source):,} {split}" for split, source in data.splits.items())
    console.print(f"[bold]{name}[/bold]: {data.name} ({splits}), {shape}")
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("parameter", no_wrap=True)
    table.add_column("shape", no_wrap=True)
    table.add_column("axes")
    table.add_column("bytes", justify="right")
    half = ROWS_SHOWN // 2
    shown = rows if len(rows) <= ROWS_SHOWN else [*rows[:half], None, *rows[-half:]]
    for row in shown:
        if row is None:
            table.add_row(f"… {len(rows) - ROWS_SHOWN} more", "", "", "", style="dim")
            continue
        table.add_row(
            row["path"],
            " × ".join(map(str, row["shape"])),
            ", ".join(row["axes"]),
            f"{row['bytes']:,}",
        )
    console.print(table)
    console.print(f"{parameters:,} parameters, {size / 1e6:,.2f} MB\n")
