"""A process that trains the trials of a sweep one after another: started by the sweep's driver."""

import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.interruption import end_at_once_on_signals

_kept: dict[str, Any] = {}  # data and model of the trial before


def main(descriptor: int) -> int:
    """Serves the driver at the other end of the socket `descriptor`."""
    from framework.run import prepare_environment

    prepare_environment()
    from framework.launch.worker import serve

    channel = socket.socket(fileno=descriptor)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # What every trial needs, while the driver is still composing.
    import framework.config.command
    import framework.train.run  # noqa: F401

    return serve(channel, train, check)


def train(words: Sequence[str]) -> int:
    """As `experiments.run` with these words; returns the exit code."""
    from framework.config import InvalidConfig
    from framework.config.command import compose_words, report
    from framework.train import assemble, run

    outcome = "nothing was started"
    try:
        composed = compose_words(words)
        experiment = assemble(composed.settings, kept=_kept)
        outcome = "the run does not go on"
        return run(experiment, composed.settings, composed.overrides)
    except InvalidConfig as error:
        return report(error.problems, outcome)


def check(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is wrong with a sweep, by what its trials compose.

    Args:
        asked: `words`, those of each trial; `metric` to be watched; `devices`, whether those here
            are the ones to be used; `alone`, whether several processes are refused.

    Returns:
        `problems`, texts; `metric`.
    """
    from framework.config import InvalidConfig
    from framework.config.command import compose_words

    problems: dict[str, None] = {}
    metric = asked["metric"]
    for words in asked["words"]:
        try:
            metric = _check_one(compose_words(words), metric, asked)
        except InvalidConfig as error:
            problems |= dict.fromkeys(map(str, error.problems))
    return {"problems": list(problems), "metric": metric}


def _check_one(composed: Any, metric: str | None, asked: Mapping[str, Any]) -> str:
    """The metric to be watched."""
    from experiments.run import refuse_several_processes
    from framework.config import InvalidConfig, Problem, nearest
    from framework.train import assemble
    from framework.train.assemble import ANY_DEVICES

    experiment = assemble(composed.settings, None if asked["devices"] else ANY_DEVICES, _kept)
    if asked["alone"]:
        refuse_several_processes(experiment)
    names = experiment.task.metric_names(experiment.data.spec)
    metric = metric or experiment.checkpoint.metric or "log_loss"
    if metric not in names:
        hint = nearest(metric, [name for name in names if "/" not in name])
        raise InvalidConfig(Problem("sweep.metric", metric, "a metric of the task", hint))
    return metric


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main(int(sys.argv[1])))
