"""A sweep in plain lines."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from framework.launch.table import Row


@dataclass
class Lines:
    """A line for each trial that begins or ends."""

    metrics: Sequence[str]
    _begun: float = field(default_factory=time.monotonic)

    def row(self, row: Row) -> None:
        """Says what has become of it."""
        values = "  ".join(f"{key}={value}" for key, value in row.values.items())
        named = [(name, row.result.get(f"validation/{name}")) for name in self.metrics]
        result = "  ".join(f"{name} {value:.4f}" for name, value in named if value is not None)
        said = {
            "running": f"try {row.tries}" if row.tries > 1 else "",
            "waiting": row.message,
            "done": result,
            "pruned": f"{row.message}  {result}",
            "failed": row.message,
        }[row.state]
        if row.state != "waiting" or row.message:
            print(f"trial {row.number:<4} {row.state:<8} {values}  {said}".rstrip(), flush=True)

    def evaluated(self, number: int, step: int, metrics: Mapping[str, float]) -> None:
        """Says nothing: the trial's own log has it."""

    def tick(self) -> None:
        """Says nothing."""
