"""An evaluation of a run: `python -m experiments.evaluate run=DIR data.split=test`."""

import sys
from typing import Any

from experiments.interruption import end_at_once_on_signals


def main() -> int:
    """Reads the command line and evaluates; returns the exit code."""
    from framework.run import prepare_environment

    prepare_environment()
    from framework.config.build import require
    from framework.config.command import Composed, command

    def prepare(composed: Composed) -> Any:
        return require(composed.settings)

    def act(job: Any, composed: Composed) -> int:
        from framework.train.evaluation_job import evaluate_run
        from framework.train.faults import guarded
        from framework.train.listeners.progress import make_console

        def work() -> int:
            evaluate_run(job, composed.settings, make_console(True))
            return 0

        return guarded(work)

    return command(prepare, act, name="evaluate")


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
