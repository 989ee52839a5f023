"""Says whether a run would fit and how fast it can be: `python -m experiments.plan target=…`."""

import sys
from typing import Any

from experiments.interruption import end_at_once_on_signals


def main() -> int:
    """Composes the experiment from the command line and plans it; returns the exit code."""
    from framework.run import prepare_environment

    prepare_environment()
    from framework.config.command import Composed, command

    def prepare(composed: Composed) -> Any:
        from framework.train.planning import begin

        return begin(composed.settings)

    def act(planner: Any, composed: Composed) -> int:
        del composed
        from framework.train.planning import finish

        return finish(planner)

    return command(prepare, act, name="plan")


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
