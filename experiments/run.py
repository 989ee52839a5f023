"""Trains one experiment: `python -m experiments.run key=value …`."""

import sys
from typing import Any

from experiments.interruption import end_at_once_on_signals


def main() -> int:
    """Composes the experiment from the command line and runs it; returns the exit code."""
    from framework.launch.process import begin_early, end_early

    if any(word in ("--multirun", "-m") for word in sys.argv[1:]):
        begin_early()  # before anything else is imported, as a worker imports most of all
    from framework.run import prepare_environment

    prepare_environment()
    try:
        return _run()
    finally:
        end_early()


def _run() -> int:
    from framework.config.command import Composed, command

    def prepare(composed: Composed) -> Any:
        from framework.train import assemble

        if composed.sweep_directory is not None and composed.settings["run"]["dir"] is None:
            composed.settings["run"]["dir"] = str(composed.sweep_directory)
        experiment = assemble(composed.settings)
        if composed.sweep_directory is not None:
            refuse_several_processes(experiment)
        return experiment

    def act(experiment: Any, composed: Composed) -> int:
        from framework.train import run

        return run(experiment, composed.settings, composed.overrides)

    def sweep(multirun: Any) -> int:
        from framework.launch.again import same_again
        from framework.launch.begin import begin
        from framework.launch.rehearse import rehearse
        from framework.launch.request import Request

        request = same_again(Request.of(multirun))
        return rehearse(request) if request.dry_run else begin(request)

    return command(prepare, act, sweep=sweep)


def refuse_several_processes(experiment: Any) -> None:
    """A sweep begins one run after another, which several processes can do but once.

    Raises:
        InvalidConfig: this is one of several.
    """
    from framework.config import InvalidConfig, Problem
    from framework.parallel import start_here

    start = start_here(experiment.distributed)
    if start is not None:
        expected = f"one run at a time in several processes ({start.source})"
        hint = "start each by itself, or set distributed.processes=1"
        raise InvalidConfig(Problem("--multirun", "", expected, hint))


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main())
