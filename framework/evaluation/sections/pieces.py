"""What a section of the report is made of: numbers, drawings, tables and sentences."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Tone = Literal["", "worse", "faint"]


@dataclass(frozen=True)
class Number:
    """A metric, its interval, and what to read it against."""

    title: str
    value: str
    interval: str = ""
    note: str = ""


@dataclass(frozen=True)
class Drawing:
    """A figure with its heading and how to read it."""

    title: str
    svg: str
    caption: str


@dataclass(frozen=True)
class Whisker:
    """A value in its interval, as shares of the width that its column has."""

    low: float
    value: float
    high: float


@dataclass(frozen=True)
class Cell:
    """One place of a table.

    Attributes:
        text: what is read.
        bar: share of the width that is drawn behind the text; None or NaN: nothing is.
        whisker: drawn instead of a text.
        word: set to the left, and broken where it is long.
        note: a small line below the text.
    """

    text: str
    bar: float | None = None
    whisker: Whisker | None = None
    word: bool = False
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One class, slice or feature; `tone` sets it apart, `note` is a small line below the name."""

    name: str
    cells: list[Cell]
    tone: Tone = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """Rows under columns, the first of which is the name.

    Attributes:
        shown: rows that are open to see; the others are folded.
        all: where the value of everything together lies in a column of whiskers.
    """

    title: str
    columns: list[str]
    rows: list[Row]
    caption: str = ""
    shown: int = 14
    all: float | None = None


@dataclass(frozen=True)
class Panel:
    """A small curve over the strengths of a shift, its coordinates in a box of 100 by 40."""

    title: str
    points: str
    first: str
    last: str


@dataclass(frozen=True)
class Exhibit:
    """An example that is shown: two lines about it, where it is, and what it looks like."""

    said: str
    truth: str
    where: str
    picture: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Gallery:
    """Examples under a heading."""

    title: str
    caption: str
    exhibits: list[Exhibit]


@dataclass(frozen=True)
class Block:
    """A section under a heading of its own: what it says, then what shows it.

    Attributes:
        name: unlike that of any other block of the page.
        link: to it, in a word.
        points: sentences about one thing each, as a list.
        panels: rows of small curves, each under a name.
        folded: tables that only a curious reader opens, under the title of the first.
    """

    name: str
    link: str
    title: str
    sentences: list[str] = field(default_factory=list)
    points: list[str] = field(default_factory=list)
    figures: list[Drawing] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    panels: list[tuple[str, list[Panel]]] = field(default_factory=list)
    folded: list[Table] = field(default_factory=list)
    galleries: list[Gallery] = field(default_factory=list)


def identifier(*words: str) -> str:
    """Words as an identifier of the page."""
    return re.sub(r"[^A-Za-z0-9]+", "-", "-".join(words)).strip("-")


def whisker(estimate: Mapping[str, Any], scale: Sequence[float]) -> Whisker | None:
    """An estimate on a scale from its first to its last number; None where it has no interval."""
    ends = [estimate[key] for key in ("low", "value", "high")]
    if any(end is None for end in ends):
        return None
    span = (scale[1] - scale[0]) or 1.0
    low, value, high = (min(max((end - scale[0]) / span, 0.0), 1.0) for end in ends)
    return Whisker(low, value, high)
