"""What must hold between an experiment and what is kept of it: its run directory, its schema."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from framework.config import Problem
from framework.data import Data
from framework.run import RunDirectory
from framework.train.kept_schema import against_file, against_kept


def run_directory_is_free(run: Any, name: str, config: Mapping[str, Any]) -> Iterable[Problem]:
    """The run directory can be written and holds no other run."""
    return RunDirectory(run.path(name)).check(config, run)


def data_are_the_same(run: Any, name: str, data: Data) -> Iterable[Problem]:
    """A run that is continued goes on with the data it was begun with."""
    return RunDirectory(run.path(name)).check_data(data.fingerprint, run)


def data_keep_the_schema(run: Any, name: str, data: Data) -> Iterable[Problem]:
    """Other data that a run goes on with, or is evaluated on, are of the kind it began with."""
    return against_kept(RunDirectory(run.path(name)), data)


def data_agree_with(data_schema: Path | None, data: Data) -> Iterable[Problem]:
    """The data agree with the schema that the user keeps."""
    return () if data_schema is None else against_file(data_schema, data)


RECORD_CHECKS = (
    run_directory_is_free, data_are_the_same, data_keep_the_schema, data_agree_with,
)  # fmt: skip
