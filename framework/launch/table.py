"""The table of a sweep's trials: lines of JSON that are only ever added.

The last line of a number counts. A line that a kill cut short is passed over, and the next one
begins on a line of its own.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from framework.launch.trial import ENDED, State

FILE = "trials.jsonl"


@dataclass(frozen=True)
class Row:
    """What is known of a trial.

    Attributes:
        values: of the swept keys.
        tries: starts so far.
        seconds: that they took together.
        device: on what it last ran.
        result: of the watched split, `validation/accuracy` and so on.
        message: why it failed, or what happened to its last try.
        run: its run directory.
        packed: whether it was a row of a program with others.
    """

    number: int
    values: Mapping[str, Any]
    state: State = "waiting"
    tries: int = 0
    seconds: float = 0.0
    device: str = ""
    result: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    run: str = ""
    packed: bool = False

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self.state in ENDED


class Table:
    """The rows of a file, by number."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[int, Row] = {}
        text = path.read_bytes() if path.exists() else b""
        self._whole = not text or text.endswith(b"\n")
        for line in text.splitlines():
            row = _row(line)
            if row is not None:
                self._rows[row.number] = row

    def __iter__(self) -> Iterator[Row]:
        """In the order of their numbers."""
        return iter([self._rows[number] for number in sorted(self._rows)])

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, number: int) -> bool:
        return number in self._rows

    def __getitem__(self, number: int) -> Row:
        return self._rows[number]

    def put(self, *rows: Row) -> None:
        """Adds rows, or new lines of rows that are there; on the disk when this returns."""
        lines = "".join(json.dumps(asdict(row)) + "\n" for row in rows).encode()
        with self.path.open("ab", buffering=0) as file:
            file.write(lines if self._whole else b"\n" + lines)
            os.fsync(file.fileno())
        self._whole = True
        self._rows |= {row.number: row for row in rows}

    def change(self, number: int, **fields: Any) -> Row:
        """The row with other fields, written."""
        row = replace(self._rows[number], **fields)
        self.put(row)
        return row


def _row(line: bytes) -> Row | None:
    try:
        found = json.loads(line)
        return Row(**found) if isinstance(found, dict) else None
    except (ValueError, TypeError):
        return None
