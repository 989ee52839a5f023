"""An evaluation of a run: `python -m experiments.evaluate run=DIR data.split=test`."""

import sys
from typing import Any

from experiments.interruption import end_at_once_on_signals
from experiments.job import Work, job


def main() -> int:
    """Reads the command line and evaluates; returns the exit code."""
    return job("evaluate", _work)


def _work() -> Work:
    from framework.train.evaluation_job import evaluate_run
    from framework.train.listeners.progress import make_console

    def work(job: Any, composed: Any) -> None:
        evaluate_run(job, composed.settings, make_console(True))

    return work


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
