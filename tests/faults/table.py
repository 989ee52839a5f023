"""The results as a table, for a terminal and for the documentation."""

from collections.abc import Sequence

from tests.faults.case import Result

_NAMES = ("case", "starts", "exit codes", "what the next start said", "same bits", "seconds")
_WIDTHS = (36, 6, 16, 60, 11, 7)


def columns() -> str:
    """The head."""
    return _padded(_NAMES)


def row(result: Result) -> str:
    """One line of it."""
    return _padded(_cells(result))


def markdown(results: Sequence[Result]) -> str:
    """The whole as a table of Markdown."""
    rows = [_NAMES, ("---",) * len(_NAMES), *map(_cells, results)]
    escaped = ((cell.replace("|", "\\|") for cell in cells) for cells in rows)
    return "".join(f"| {' | '.join(cells)} |\n" for cells in escaped)


def _cells(result: Result) -> tuple[str, ...]:
    codes = " ".join(map(str, result.codes))
    return (
        result.case, str(len(result.codes)), codes, result.said[:100], result.equal,
        f"{result.seconds:.1f}",
    )  # fmt: skip


def _padded(cells: Sequence[str]) -> str:
    return "  ".join(c.ljust(width) for c, width in zip(cells, _WIDTHS, strict=True)).rstrip()
