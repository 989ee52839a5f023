"""The run directory and the environment it was made in."""

from framework.run.directory import SUMMARY, RunDirectory, RunOptions, differences, write_text
from framework.run.environment import (
    cache_directory,
    collect_as_usual,
    describe_environment,
    prepare_environment,
)

__all__ = [
    "SUMMARY",
    "RunDirectory",
    "RunOptions",
    "cache_directory",
    "collect_as_usual",
    "describe_environment",
    "differences",
    "prepare_environment",
    "write_text",
]
