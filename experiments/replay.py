"""A step of a run, looked into: `python -m experiments.replay run=DIR step=N`."""

import sys

from experiments.interruption import end_at_once_on_signals
from experiments.job import Work, job


def main() -> int:
    """Reads the command line and makes the step again; returns the exit code."""
    return job("replay", _work)


def _work() -> Work:
    from framework.train.listeners.progress import make_console
    from framework.train.replay import replay

    return lambda options, _: replay(options, make_console(True))


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
