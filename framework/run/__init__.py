"""The run directory and the environment it was made in."""

from framework.run.attempts import (
    CATEGORIES,
    Attempt,
    Category,
    Goodput,
    goodput,
    read_attempts,
    write_attempt,
)
from framework.run.directory import (
    SUMMARY,
    RunDirectory,
    RunOptions,
    another_configuration,
    differences,
    write_text,
)
from framework.run.environment import (
    BEGUN,
    cache_directory,
    collect_as_usual,
    describe_environment,
    prepare_environment,
)

__all__ = [
    "BEGUN",
    "CATEGORIES",
    "SUMMARY",
    "Attempt",
    "Category",
    "Goodput",
    "RunDirectory",
    "RunOptions",
    "another_configuration",
    "cache_directory",
    "collect_as_usual",
    "describe_environment",
    "differences",
    "goodput",
    "prepare_environment",
    "read_attempts",
    "write_attempt",
    "write_text",
]
