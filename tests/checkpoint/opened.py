"""Checkpoints that are closed at the end, and the lines that they said."""

import contextlib
from pathlib import Path

from framework.checkpoint import CheckpointOptions, Checkpoints

OPTIONS = CheckpointOptions(keep_latest=2, keep_best=1, metric="accuracy")


@contextlib.contextmanager
def opened(directory: Path, options: CheckpointOptions = OPTIONS):
    said: list[str] = []
    checkpoints = Checkpoints(directory, options, said.append)
    yield checkpoints, said
    checkpoints.close()
