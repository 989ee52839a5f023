"""Ctrl-C outside the training loop: the command ends at once, with a line and exit code 130.

Nothing is cleaned up, as nothing has to be: what was saved stays whole, whenever a run ends. An
exception in its place would tear through libraries' imports and threads, which may crash.
"""

import multiprocessing
import os
import signal
from typing import Any

STOPPED = 130
_LINE = b"Stopped at once. The same command with the same run.dir continues from what was saved.\n"


def end_at_once_on_ctrl_c() -> None:
    """For a whole process; the training loop has its own way, see `framework.train`."""
    signal.signal(signal.SIGINT, _end)


def _end(number: int, frame: Any) -> None:
    del number, frame
    for child in multiprocessing.active_children():  # workers that read data
        child.kill()
    os.write(2, _LINE)
    os._exit(STOPPED)
