"""What a run's directory says of how far it has come, read from outside while it may be written."""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SPLIT = "validation/"
STOP_REQUEST = "stop_request.json"


def summary(run: Path) -> dict[str, Any]:
    """Its `summary.json`; empty where there is none that is whole."""
    try:
        found = json.loads((run / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def result(found: dict[str, Any]) -> dict[str, float]:
    """The overall metrics of the watched split in a summary."""
    metrics = found.get("metrics", {})
    return {k: v for k, v in metrics.items() if k.startswith(SPLIT) and k.count("/") == 1}


def saved_step(run: Path) -> int:
    """The newest finished checkpoint's step, 0 without one."""
    found = [path.parent.name for path in run.glob("checkpoints/*/manifest.json")]
    return max((int(name) for name in found if name.isdigit()), default=0)


@dataclass
class Tail:
    """The new evaluations in a run's metrics.jsonl, each time it is asked.

    Attributes:
        seen: up to which byte it was read.
    """

    run: Path
    seen: int = 0
    told: set[int] = field(default_factory=set)

    def evaluations(self) -> list[tuple[int, dict[str, float]]]:
        """Step and metrics of evaluations that were not told before."""
        found = []
        for line in self._lines():
            # null, as JSON has no NaN
            metrics = {
                k: math.nan if v is None else v for k, v in line.items() if k.startswith(SPLIT)
            }
            step = line.get("step")
            if metrics and isinstance(step, int) and step not in self.told:
                self.told.add(step)
                found.append((step, metrics))
        return found

    def _lines(self) -> list[dict[str, Any]]:
        try:
            with (self.run / "metrics.jsonl").open("rb") as file:
                if file.seek(0, 2) < self.seen:  # cut back by a run that was continued
                    self.seen = 0
                file.seek(self.seen)
                text = file.read()
        except OSError:
            return []
        whole = text[: text.rfind(b"\n") + 1]
        self.seen += len(whole)
        lines = []
        for part in whole.splitlines():
            try:
                lines.append(json.loads(part))
            except ValueError:
                continue
        return [line for line in lines if isinstance(line, dict)]
