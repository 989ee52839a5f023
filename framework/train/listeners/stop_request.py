"""Ends a run that somebody else has asked to end, after its next evaluation: a pruned trial."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from framework.parallel import by_first
from framework.train.loop import Loop

FILE = "stop_request.json"


@dataclass
class StopOnRequest:
    """Looks for `stop_request.json` in the run directory after each evaluation.

    `{"reason": "pruned"}` in it ends the run with its state saved and the exit code 0, and its
    `summary.json` says `"complete": false, "stopped": "pruned"`. Where the file is removed, the
    same command goes on from there. At the last step there is nothing left to save, and the run
    comes to its end.

    Attributes:
        steps: of the whole run.
    """

    loop: Loop
    run: Path
    steps: int

    def on_eval(self, step: int, metrics: Mapping[str, float]) -> None:
        """Looks."""
        del metrics
        if step >= self.steps:
            return
        reason = by_first(self._asked)
        if reason is not None:
            self.loop.stop(reason, "set_aside")

    def _asked(self) -> str | None:
        try:
            found = json.loads((self.run / FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):  # half written
            found = {}
        return str(found.get("reason", "asked")) if isinstance(found, dict) else "asked"
