"""Are the data sound? What `experiments.check_data` found: copies, labels, anomalies."""

from collections.abc import Iterator, Mapping
from typing import Any

from framework.evaluation.formats import count, number, share, some
from framework.evaluation.sections.pieces import Block, Cell, Exhibit, Gallery, Row, Table

_SHOWN = 12


def quality(found: Mapping[str, Any] | None) -> Block | None:
    """None where the data were not checked; `found` is `data_quality/quality.json`."""
    if not found:
        return None
    return Block(
        "data-quality", "Data quality", "Are the data sound?", list(quality_sentences(found)),
        tables=[table for table in [_copies(found["duplicates"])] if table.rows],
        galleries=[g for g in (_suspects(found), _far(found)) if g.exhibits],
    )  # fmt: skip


def quality_sentences(found: Mapping[str, Any]) -> Iterator[str]:
    """Copies, suspect labels and anomalies, or why they were not judged."""
    copies, labels, far = found["duplicates"], found["label_errors"], found["anomalies"]
    several = copies["groups_with_several_labels"]
    yield (
        f"{count(copies['equal'])} of {some(copies['examples'], 'example')} repeat an earlier one"
        + (f"; equal ones have different labels in {some(several, 'group')}." if several else ".")
    )
    if "unknown" in labels:
        yield f"Labels were not judged: {labels['unknown']}."
    else:
        yield (
            f"{count(labels['suspects'])} of {count(labels['examples'])} labels are suspect, and "
            f"about {count(labels['estimated_errors'])} are wrong by estimate ({labels['by']})."
        )
    if "unknown" in far:
        yield f"Anomalies were not judged: {far['unknown']}."
    else:
        yield (
            f"{some(far['beyond'], 'example')} lie farther than {number(far['threshold'])} from "
            f"their {count(far['neighbours'])} nearest in {far['measured_in']}, where half lie "
            f"within {number(far['median'])}."
        )
    yield from (f"Unlike the training data: {line}." for line in found.get("departures", ()))


def _copies(found: Mapping[str, Any]) -> Table:
    rows = [
        Row(
            _between(one),
            [
                Cell(count(one["examples"])),
                Cell(_part(one["equal"], one["equal_share"])),
                Cell(_part(one["near"], one["near_share"])),
            ],
            "worse" if one["split"] != one["other"] and one["near"] else "",
        )
        for one in (*found["across"], *found["within"])
        if one["near"] or (one["other"] == "train" and one["split"] != "train")
    ]
    rows += [
        Row(
            f"{one['split']} and {one['other']}, {one['tokens']} tokens in a row",
            [Cell(count(one["examples"])), Cell(_part(one["shared"], one["share"])), Cell("—")],
        )
        for one in found.get("shared_text", ())
    ]
    caption = f"Near: {found['near']['measure']}."
    if not found["near"]["complete"]:
        caption += " There are more near pairs than were counted."
    columns = ["Copies", "Examples", "Equal", "Equal or near"]
    return Table("Copies across and within the splits", columns, rows, caption)


def _between(one: Mapping[str, Any]) -> str:
    if one["split"] == one["other"]:
        return f"within {one['split']}"
    return f"{one['split']} in {one['other']}"


def _part(counted: int, of: float | None) -> str:
    return count(counted) if of is None or not counted else f"{count(counted)} ({share(of)})"


def _suspects(found: Mapping[str, Any]) -> Gallery:
    exhibits = [
        _exhibit(one, f"labelled {one['label']}", f"more like {one['suggested']}")
        for one in found["label_errors"]["worst"][:_SHOWN]
    ]
    return Gallery("Suspect labels", "The surest first, by confident learning.", exhibits)


def _far(found: Mapping[str, Any]) -> Gallery:
    exhibits = [
        _exhibit(
            one, "not finite" if one["distance"] is None else f"{number(one['distance'])} away", ""
        )
        for one in found["anomalies"]["worst"][:_SHOWN]
    ]
    return Gallery("Anomalies", "The examples farthest from all others.", exhibits)


def _exhibit(one: Mapping[str, Any], said: str, truth: str) -> Exhibit:
    where = f"{one['split']} {one['index']}"
    return Exhibit(said, truth, where, one.get("picture", ""), dict(one.get("values") or {}))
