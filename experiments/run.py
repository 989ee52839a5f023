"""Trains one experiment: `python -m experiments.run key=value …`."""

import sys
from typing import Any

from experiments.interruption import end_at_once_on_ctrl_c


def main() -> int:
    """Composes the experiment from the command line and runs it; returns the exit code."""
    from framework.run import prepare_environment

    prepare_environment()
    from framework.config.command import Composed, command

    def prepare(composed: Composed) -> Any:
        from framework.train import assemble

        if composed.sweep_directory is not None and composed.settings["run"]["dir"] is None:
            composed.settings["run"]["dir"] = str(composed.sweep_directory)
        return assemble(composed.settings)

    def act(experiment: Any, composed: Composed) -> int:
        from framework.train import run

        return run(experiment, composed.settings, composed.overrides)

    return command(prepare, act)


if __name__ == "__main__":
    end_at_once_on_ctrl_c()
    sys.exit(main())
