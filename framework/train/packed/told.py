"""A fault of the world as an exit code and a line, for a table."""

import contextlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TextIO

from framework.train.faults import guarded


def told(work: Callable[[], int | None]) -> tuple[int, str]:
    """The exit code of `work` (None: 0), and the first line that it wrote on stderr."""
    both = _Both(sys.stderr)
    with contextlib.redirect_stderr(both):
        code = guarded(lambda: work() or 0)
    lines = both.kept.getvalue().splitlines()
    return code, next((line.strip() for line in lines if line.strip()), "")


@dataclass
class _Both:
    """A stream whose text is kept too."""

    stream: TextIO
    kept: io.StringIO = field(default_factory=io.StringIO)

    def write(self, text: str) -> int:
        self.kept.write(text)
        return self.stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
