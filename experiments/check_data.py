"""What is wrong with data: `python -m experiments.check_data experiment=NAME` or `run=DIR`."""

import sys
from typing import Any

from experiments.interruption import end_at_once_on_signals


def main() -> int:
    """Reads the command line and looks at the data; returns the exit code."""
    from framework.run import prepare_environment

    prepare_environment()
    from framework.config.command import Composed, command

    def prepare(composed: Composed) -> Any:
        from framework.train.quality import begin

        return begin(composed.settings, composed.overrides)

    def act(check: Any, composed: Composed) -> int:
        del composed
        from framework.train.faults import guarded
        from framework.train.listeners.progress import make_console
        from framework.train.quality import finish

        def work() -> int:
            finish(check, make_console(True))
            return 0

        return guarded(work)

    return command(prepare, act, name="check_data")


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
