"""A file that one process holds at a time, and that a refusal takes away again."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from framework.config.problem import InvalidConfig


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """While inside, no other process holds the file.

    It stays, as others may be about to open it; but where something is refused inside that was
    not there before, nothing is left of it.

    Args:
        wait: until the process that holds it is gone.

    Raises:
        BlockingIOError: another process holds it.
        OSError: it cannot be made.
    """
    new = not path.exists()
    with _held(path, wait) as file:
        del file
        try:
            yield
        except InvalidConfig:
            if new:
                path.unlink(missing_ok=True)
            raise


def _held(path: Path, wait: bool) -> IO[str]:
    import fcntl

    while True:
        file = path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.close()
            raise
        except OSError:  # a file system without locks
            return file
        if _is_there(file, path):
            return file
        file.close()  # whoever held it has taken it away


def _is_there(file: IO[str], path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    return False
