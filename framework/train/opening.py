"""A run directory is taken: made, locked, and told what is run in it."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from framework.config import InvalidConfig, Problem
from framework.parallel import by_first
from framework.run import RunDirectory, describe_environment
from framework.train.distilling.kept import taught_by
from framework.train.experiment import Experiment
from framework.train.kept_schema import keep_schema


def made(experiment: Experiment) -> Path:
    """The run directory, made where there is none."""
    try:
        return experiment.run.make(experiment.name)
    except OSError as error:
        expected, hint = "a place that can be written", error.strerror or str(error)
        key = "run.root" if experiment.run.dir is None else "run.dir"
        place = experiment.run.root if experiment.run.dir is None else experiment.run.dir
        raise InvalidConfig(Problem(key, place, expected, hint)) from error


@contextlib.contextmanager
def alone(directory: RunDirectory) -> Iterator[None]:
    """While inside, no other process may train in the directory, but for those of this run."""
    with contextlib.ExitStack() as held:

        def lock() -> None:
            try:
                held.enter_context(directory.lock())
            except BlockingIOError as error:
                expected = "a directory in which no other process trains"
                hint = "wait or choose another"
                raise InvalidConfig(Problem("run.dir", directory.path, expected, hint)) from error

        by_first(lock)
        yield


def record(
    directory: RunDirectory,
    experiment: Experiment,
    config: Mapping[str, Any],
    overrides: Sequence[str],
    summary: object,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Writes what is run, on what, with which data; `more` of its environment."""
    environment = {**describe_environment(sys.argv), **(more or {})}
    files = experiment.data.files
    directory.begin(config, overrides, environment, _describe_data(experiment), files)
    directory.write_json("model.json", summary)
    keep_schema(directory, experiment.data, lambda text: print(text, file=sys.stderr))


def _describe_data(experiment: Experiment) -> dict[str, Any]:
    data = experiment.data
    return {
        "name": data.name,
        "fingerprint": data.fingerprint,
        "splits": {name: len(source) for name, source in data.splits.items()},
        "learned": data.learned,
        **data.spec.json(),
        **taught_by(data),
    }
