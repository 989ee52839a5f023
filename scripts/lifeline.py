"""A child that is sent SIGTERM when this process ends, however it ends."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux's prctl(2)


def lifeline() -> Callable[[], None] | None:
    """What `subprocess.Popen` takes as `preexec_fn`; None where the system knows no such signal.

    The signal comes when the thread ends that started the child: start it in the main thread.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # found here: a fork should do little
    parent = os.getpid()

    def ask() -> None:
        if prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM) or os.getppid() != parent:
            os._exit(128 + signal.SIGTERM)  # the parent is gone already

    return ask
