"""What is wrong with data: `python -m experiments.check_data experiment=NAME` or `run=DIR`."""

import sys
from typing import Any

from experiments.interruption import end_at_once_on_signals
from experiments.job import Work, job


def main() -> int:
    """Reads the command line and looks at the data; returns the exit code."""
    return job("check_data", _work, _prepare)


def _work() -> Work:
    from framework.train.listeners.progress import make_console
    from framework.train.quality import finish

    def work(check: Any, _: Any) -> None:
        finish(check, make_console(True))

    return work


def _prepare() -> Any:
    from framework.train.quality import begin

    return lambda composed: begin(composed.settings, composed.overrides)


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
