"""The schema in a run's directory: inferred when it begins, held against all data it meets."""

from collections.abc import Callable
from pathlib import Path

from framework.config import InvalidConfig, Problem
from framework.data import Data, departures, infer, read_schema, violations
from framework.run import RunDirectory

Say = Callable[[str], None]


def keep_schema(directory: RunDirectory, data: Data, say: Say) -> None:
    """Writes the schema of a run that begins; tells how the data of one that goes on depart."""
    if directory.schema.exists():
        tell_departures(directory, data, "train", say)
    else:
        directory.write_json(directory.schema.name, infer(data).json())


def tell_departures(directory: RunDirectory, data: Data, split: str, say: Say) -> None:
    """Says what the split holds that the run's training data did not.

    It is no mistake: to see what a model makes of such data is what evaluations are for.
    """
    if not directory.schema.exists():
        return
    for problem in departures(read_schema(directory.schema, "run"), data, split):
        say(f"Unlike the run's training data: {problem}")


def against_kept(directory: RunDirectory, data: Data) -> list[Problem]:
    """What makes changed data unreadable for the model of the run in `directory`."""
    if not directory.schema.exists():
        return []
    try:
        schema = read_schema(directory.schema, "run.dir")
    except InvalidConfig as error:
        return list(error.problems)
    return [] if schema.fingerprint == data.fingerprint else violations(schema, data)


def against_file(path: Path, data: Data) -> list[Problem]:
    """What in any split disagrees with a schema that the user keeps: also ranges."""
    try:
        schema = read_schema(path, "data_schema")
    except InvalidConfig as error:
        return list(error.problems)
    found = violations(schema, data)
    for split in data.splits:
        found += departures(schema, data, split)
    return found
