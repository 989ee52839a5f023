"""A sweep in plain lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from framework.launch.table import Row


@dataclass
class Lines:
    """A line for each trial, or what else `name` calls it, that begins or ends."""

    metrics: Sequence[str]
    name: str = "trial"

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
            print(
                f"{self.name} {row.number:<4} {row.state:<8} {values}  {said}".rstrip(), flush=True
            )

    def evaluated(self, number: int, step: int, metrics: Mapping[str, float]) -> None:
        """Says nothing: the trial's own log has it."""

    def tick(self) -> None:
        """Says nothing."""
