"""Where it does worse: slices against the rest, and the gaps between groups."""

from collections.abc import Mapping, Sequence
from typing import Any

from framework.evaluation.formats import chance, count, points, rate, some, span, value
from framework.evaluation.sections.pieces import Block, Cell, Row, Table, Tone, identifier, whisker

_NAMED = 3  # slices that sentences name
_TONES: dict[str, Tone] = {"worse": "worse", "not enough data": "faint"}
_GAPS = {
    "demographic_parity": "Demographic parity",
    "equalised_odds": "Equalised odds",
    "calibration": "Calibration",
}


def slices(analysis: Mapping[str, Any], names: Sequence[str]) -> Block | None:
    """None where no slices were asked for.

    Args:
        analysis: of a split.
        names: of the classes.
    """
    found = analysis.get("slices")
    if not found:
        return None
    split, level = analysis["split"], rate(analysis["level"])
    measure = "accuracy" if "accuracy" in found[0]["metrics"] else "loss"
    overall = analysis["estimates"].get("accuracy" if measure == "accuracy" else "log_loss")
    table = _table(found, measure, overall and overall["value"], level)
    return Block(
        identifier("slices", split), "Slices", "Where it does worse",
        [standing_sentence(found)], gap_sentences(analysis.get("gaps", {}), names),
        tables=[table],
    )  # fmt: skip


def standing_sentence(found: Sequence[Mapping[str, Any]]) -> str:
    """Which slices are worse than the rest, or that none can be told to be."""
    worse = [one for one in found if one["standing"] == "worse"]
    unknown = sum(one["standing"] == "not enough data" for one in found)
    looked = f"{some(len(found), 'slice')} looked at"
    few = f" ({count(unknown)} of too few examples to judge)" if unknown else ""
    if not worse:
        return f"Of {looked}{few}, none can be told to be worse than the rest."
    said = [f"{one['name']} ({_measured(one)})" for one in worse[:_NAMED]]
    more = f" and {count(len(worse) - _NAMED)} more" if len(worse) > _NAMED else ""
    return f"Of {looked}{few}, it does worse than on the rest on {_listed(said)}{more}."


def gap_sentences(
    gaps: Mapping[str, Mapping[str, Mapping[str, Any]]], names: Sequence[str]
) -> list[str]:
    """One for each gap of each column: how large, between whom, and what chance would read."""
    return [
        f"{_GAPS[kind]} over {column}: {_gap(kind, column, gap, names)}"
        for column, kinds in gaps.items()
        for kind, gap in kinds.items()
    ]


def _gap(kind: str, column: str, gap: Mapping[str, Any], names: Sequence[str]) -> str:
    if gap["value"] is None:
        return "not enough data in two groups to compare."
    between, size = gap["between"], points(gap["value"])
    if kind == "calibration":
        told = f"on {column}={between[0]} it is {between[1]} by {size}"
    else:
        told = f"{_event(between[2], names)} {size} more often for {column}={between[0]} than for "
        told += f"{column}={between[1]}"
    ends = f"{100 * gap['low']:.1f} to {points(gap['high'])}"
    alone = points(gap["without_difference"])
    shown = "" if gap["p_value"] <= 0.05 else "; no gap is shown"
    return f"{told} ({ends}); chance alone reads {alone}, {chance(gap['p_value'])}{shown}."


def _event(what: str, names: Sequence[str]) -> str:
    """`label 0 predicted 1` in the words of the data."""
    words = what.split()
    said = _class(words[-1], names)
    if words[0] != "label":
        return f"it says {said}"
    return f"of true {_class(words[1], names)} it says {said}"


def _class(index: str, names: Sequence[str]) -> str:
    return f"“{names[int(index)]}”" if int(index) < len(names) else f"class {index}"


def _table(
    found: Sequence[Mapping[str, Any]], measure: str, overall: float | None, level: str
) -> Table:
    enough = [one for one in found if one["standing"] != "not enough data"] or found
    ends = [one["metrics"][measure][end] for one in enough for end in ("low", "value", "high")]
    known = [end for end in [*ends, overall] if end is not None]
    scale = (min(known), max(known)) if known else (0.0, 1.0)
    rows = [_row(one, measure, scale) for one in found]
    columns = ["Slice", "Examples", measure.capitalize(), ""]
    caption = (
        f"The intervals hold at {level} for all slices together; a slice is called worse only if "
        "its difference from the rest survives Holm's correction for all that were looked at."
    )
    place = None
    if overall is not None:
        place = (overall - scale[0]) / ((scale[1] - scale[0]) or 1)
        caption += f" The thin line is {measure} on all: {value(measure, overall)}."
    return Table("Each slice, the worse first", columns, rows, caption, all=place)


def _row(one: Mapping[str, Any], measure: str, scale: Sequence[float]) -> Row:
    estimate, known = one["metrics"][measure], one["p_value"] is not None
    ends = span(measure, estimate["low"], estimate["high"])
    cells = [
        Cell(count(one["n"])),
        Cell(value(measure, estimate["value"]), note=ends),
        Cell("", whisker=whisker(estimate, scale)),
    ]
    standing = one["standing"] + (f", {chance(one['p_value'])}" if known else "")
    return Row(one["name"], cells, _TONES.get(one["standing"], ""), standing)


def _measured(one: Mapping[str, Any]) -> str:
    measure = "accuracy" if "accuracy" in one["metrics"] else "loss"
    estimate = one["metrics"][measure]
    ends = span(measure, estimate["low"], estimate["high"])
    return f"{measure} {value(measure, estimate['value'])}{f', {ends}' if ends else ''}"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
