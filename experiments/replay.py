"""A step of a run, looked into: `python -m experiments.replay run=DIR step=N`."""

import sys
from typing import Any

from experiments.interruption import end_at_once_on_signals


def main() -> int:
    """Reads the command line and makes the step again; returns the exit code."""
    from framework.run import prepare_environment

    prepare_environment()
    from framework.config.build import require
    from framework.config.command import Composed, command

    def prepare(composed: Composed) -> Any:
        return require(composed.settings)

    def act(options: Any, composed: Composed) -> int:
        del composed
        from framework.train.faults import guarded
        from framework.train.listeners.progress import make_console
        from framework.train.replay import replay

        def work() -> int:
            replay(options, make_console(True))
            return 0

        return guarded(work)

    return command(prepare, act, name="replay")


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
