"""A process that trains the trials of a sweep one after another: started by the sweep's driver."""

import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from experiments.interruption import end_at_once_on_signals

_kept: dict[str, Any] = {}  # data and models of the trials before


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

    return serve(channel, train, check, pack)


def train(words: Sequence[str]) -> int:
    """As `experiments.run` with these words; returns the exit code."""
    from framework.config import InvalidConfig
    from framework.config.command import compose_words, report
    from framework.train import assemble, run

    outcome = "nothing was started"
    sys.argv = ["experiments.run", *words]  # which the run writes down
    try:
        composed = compose_words(words)
        experiment = assemble(composed.settings, kept=_kept)
        outcome = "the run does not go on"
        return run(experiment, composed.settings, composed.overrides)
    except InvalidConfig as error:
        return report(error.problems, outcome)


def pack(
    trials: Sequence[Mapping[str, Any]], forced: bool, tell: Callable[[int, int, str, bool], None]
) -> None:
    """Trains trials as rows of one program, or of a few.

    Args:
        trials: of each the `number` and the `words`.
        forced: what can be no row is refused; else it is trained alone.
        tell: told of each end.
    """
    from framework.config import InvalidConfig
    from framework.config.command import USAGE_ERROR, compose_words
    from framework.train import assemble
    from framework.train.packed import End, Job, train_packed

    jobs: dict[int, Job] = {}
    for trial in trials:
        try:
            settings = compose_words(trial["words"]).settings
            experiment = assemble(settings, kept=_kept)
            jobs[trial["number"]] = Job(experiment, settings, tuple(trial["words"]))
        except InvalidConfig as error:
            tell(trial["number"], USAGE_ERROR, str(error).replace("\n", "; "), False)
    numbers = list(jobs)

    def told(place: int, end: End) -> None:
        tell(numbers[place], end.code, end.message, end.packed)

    try:
        if jobs:
            train_packed(list(jobs.values()), told, forced=forced)
    except InvalidConfig as error:
        for number in numbers:
            tell(number, USAGE_ERROR, str(error).replace("\n", "; "), False)


def check(asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """What is wrong with a sweep, by what its trials compose.

    Args:
        asked: `words`, those of each trial; `metrics` to compare by, None: the experiment's;
            `devices`, whether those here are the ones to be used; `alone`, whether several
            processes are refused; `packed`, whether each must be a row of a program.

    Returns:
        `problems`, their fields; `metrics`.
    """
    from framework.config import InvalidConfig
    from framework.config.command import compose_words
    from framework.train import assemble
    from framework.train.assemble import ANY_DEVICES

    def rest(settings: Mapping[str, Any]) -> Any:
        return assemble(settings, ANY_DEVICES, _kept)

    problems: dict[str, dict[str, Any]] = {}
    metrics: list[str] = []
    for words in asked["words"]:
        try:
            metrics = _check_one(compose_words(words, check=rest), asked)
        except InvalidConfig as error:
            # A key that there is not is told once, whatever values it would have.
            for one in error.problems:
                unknown = one.expected.startswith("a key of")
                plain = one.value if one.value is None else str(one.value)
                problems.setdefault(one.key if unknown else str(one), {**vars(one), "value": plain})
    return {"problems": list(problems.values()), "metrics": metrics}


def _check_one(composed: Any, asked: Mapping[str, Any]) -> list[str]:
    """The metrics to compare by."""
    from experiments.run import refuse_several_processes
    from framework.config import InvalidConfig
    from framework.launch.study.checks import metric_problems
    from framework.train import assemble
    from framework.train.assemble import ANY_DEVICES

    experiment = assemble(composed.settings, None if asked["devices"] else ANY_DEVICES, _kept)
    if asked["alone"]:
        refuse_several_processes(experiment)
    if asked["packed"]:
        refuse_what_is_no_row(experiment)
    given = asked["metrics"] or experiment.checkpoint.metric or "log_loss"
    metrics = [given] if isinstance(given, str) else list(given)
    names = experiment.task.metric_names(experiment.data.spec)
    problems = metric_problems(metrics, [name for name in names if "/" not in name])
    if problems:
        raise InvalidConfig(*problems)
    return metrics


def refuse_what_is_no_row(experiment: Any) -> None:
    """A trial that must be a row of a program with others can be one.

    Raises:
        InvalidConfig: it cannot.
    """
    from framework.config import InvalidConfig
    from framework.train.packed import refusal

    problem = refusal(experiment)
    if problem is not None:
        raise InvalidConfig(problem)


if __name__ == "__main__":
    end_at_once_on_signals()
    sys.exit(main(int(sys.argv[1])))
