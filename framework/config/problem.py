"""What is wrong with a user's configuration, one plain line each."""

import difflib
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One mistake: which key, what value, what was expected and what to do about it."""

    key: str
    value: object
    expected: str
    hint: str = ""

    def __str__(self) -> str:
        line = f"{self.key}={_shown(self.value)}: expected {self.expected}"
        return f"{line}; {self.hint}" if self.hint else line


class InvalidConfig(Exception):  # noqa: N818
    """A user's mistake, or several: reported together, exit code 2, no traceback."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems

    def __reduce__(self) -> tuple[type["InvalidConfig"], tuple[Problem, ...]]:
        """Raised in a worker process, it arrives with its problems."""
        return InvalidConfig, self.problems

    def under(self, prefix: str) -> "InvalidConfig":
        """The same problems with `prefix` before each key."""
        return InvalidConfig(
            *(replace(p, key=".".join(filter(None, (prefix, p.key)))) for p in self.problems)
        )


def nearest(name: str, choices: Iterable[str]) -> str:
    """A hint that names the likeliest of `choices`, and all of them when they are few."""
    known = sorted(choices)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    parts = [f"did you mean '{close[0]}'?"] if close else []
    if known and (len(known) <= 20 or not close):
        parts.append(f"choices: {', '.join(known[:40])}")
    return " ".join(parts)


def blame(error: BaseException) -> str:
    """What was raised in one line, with the last place on the way that is no library's."""
    frames = traceback.extract_tb(error.__traceback__)
    foreign = ("site-packages", "<frozen", "<string>")
    own = [f for f in frames if not any(part in f.filename for part in foreign)]
    text = next(iter(str(error).strip().splitlines()), "")
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    place = f" ({Path(own[-1].filename).name}:{own[-1].lineno})" if own else ""
    return said + place


def _shown(value: object) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 120 else f"{text[:117]}…"
