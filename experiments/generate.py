"""Text from a run: `python -m experiments.generate run=DIR prompt="…"`."""

import sys

from experiments.interruption import end_at_once_on_signals
from experiments.job import Work, job


def main() -> int:
    """Reads the command line and writes; returns the exit code."""
    return job("generate", _work, literal=("prompt",))


def _work() -> Work:
    from framework.train import generate

    def write(text: str) -> None:
        print(text, end="", flush=True)

    return lambda options, _: generate(options, write)


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
