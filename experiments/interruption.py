"""Signals outside the training loop: the command ends at once, with a line.

Nothing is cleaned up, as nothing has to be: what was saved stays whole, whenever a run ends. An
exception in its place would tear through libraries' imports and threads, which may crash.
"""

import multiprocessing
import os
import signal
from typing import Any

CODES = {signal.SIGINT: 130, signal.SIGTERM: 75}  # a person's wish; a machine that is taken away
_CONTINUES = "The same command with the same run.dir continues from what was saved."


def end_at_once_on_signals(left: str = _CONTINUES) -> None:
    """For a whole process; the training loop has its own way, see `framework.train`.

    Args:
        left: what is said of what there is then.
    """

    def end(number: int, frame: Any) -> None:
        del frame
        for child in multiprocessing.active_children():  # workers that read data
            child.kill()
        os.write(2, f"Stopped at once. {left}\n".encode())
        os._exit(CODES[signal.Signals(number)])

    for number in CODES:
        signal.signal(number, end)
