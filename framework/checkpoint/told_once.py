"""Orbax prints the traceback of a failed save once for each of its threads; we say it once."""

import functools
import logging
import sys
from typing import Any


@functools.cache
def tell_once() -> None:
    """Keep from stderr what `CheckpointFailed` says: Orbax's log of errors, which it raises too,
    and what TensorStore finds when it ends after the failure. For the whole process.
    """
    logging.getLogger("absl").addFilter(_is_news)
    former = sys.unraisablehook

    def hook(found: Any) -> None:
        if "Event loop is closed" not in str(found.exc_value):
            former(found)

    sys.unraisablehook = hook


def _is_news(record: logging.LogRecord) -> bool:
    return "orbax" not in record.pathname or not record.exc_info
