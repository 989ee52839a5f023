"""Trains one experiment: `python -m experiments.run key=value …`."""

import sys

from framework.run import prepare_environment


def main() -> int:
    """Composes the experiment from the command line and runs it; returns the exit code."""
    prepare_environment()
    from framework.config.command import Composed, command

    def train(composed: Composed) -> int:
        from framework.train import assemble, run

        settings = composed.settings
        if composed.sweep_directory is not None and settings["run"]["dir"] is None:
            settings["run"]["dir"] = str(composed.sweep_directory)
        return run(assemble(settings), settings, composed.overrides)

    return command(train)


if __name__ == "__main__":
    sys.exit(main())
