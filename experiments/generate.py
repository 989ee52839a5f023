"""Text from a run: `python -m experiments.generate run=DIR prompt="…"`."""

import sys
from typing import Any

from experiments.interruption import end_at_once_on_signals


def main() -> int:
    """Reads the command line and writes; returns the exit code."""
    from framework.run import prepare_environment

    prepare_environment()
    from framework.config.build import require
    from framework.config.command import Composed, command

    def prepare(composed: Composed) -> Any:
        return require(composed.settings)

    def act(options: Any, composed: Composed) -> int:
        del composed
        from framework.train import generate
        from framework.train.faults import guarded

        def write(text: str) -> None:
            print(text, end="", flush=True)

        def work() -> int:
            generate(options, write)
            return 0

        return guarded(work)

    return command(prepare, act, name="generate", literal=("prompt",))


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
