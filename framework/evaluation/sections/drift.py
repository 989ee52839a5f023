"""Have the data moved? The verdict, each feature, the classes, and what needs no labels."""

from collections.abc import Mapping, Sequence
from typing import Any

from framework.evaluation.formats import (
    chance,
    count,
    decimals,
    number,
    probability,
    rate,
    share,
    some,
    span,
    value,
)
from framework.evaluation.sections.pieces import Block, Cell, Row, Table, Tone, identifier

_SHOWN = 15
_NAMED = 3
_TONES: dict[str, Tone] = {"minor": "worse", "major": "worse", "not enough data": "faint"}
_NOTES = {"none": "", "minor": "minor drift", "major": "major drift"}
_SURE = 3  # standard deviations from which a class is named


def drift(analysis: Mapping[str, Any], names: Sequence[str]) -> Block | None:
    """None of an evaluation without an analysis; where drift was not measured it says why.

    Args:
        analysis: of a split.
        names: of the classes.
    """
    found = analysis.get("drift")
    name = identifier("drift", analysis.get("split", ""))
    heading = "Have the data moved?"
    if found is None:
        why = analysis.get("not_measured", {}).get("drift")
        return Block(name, "Drift", heading, [f"Not measured: {why}."]) if why else None
    said = [
        verdict_sentence(found),
        *(_class_sentence(analysis.get(f"{what}_shift"), noun, names) for what, noun in (
            ("label", "labels"), ("predicted", "predicted classes"),
        )),
    ]  # fmt: skip
    tables = [_features(found), *_without_labels(analysis), *_two_sample(analysis)]
    return Block(
        name, "Drift", heading,
        [sentence for sentence in said if sentence], tables=tables,
    )  # fmt: skip


def verdict_sentence(found: Mapping[str, Any]) -> str:
    """The verdict, and the features that moved most."""
    features, alarms = found["features"], found["alarms"]
    of = f"of {some(len(features), 'feature')}"
    if found["verdict"] == "not enough data":
        return "There are not enough data to say whether they have moved."
    if not alarms:
        moved = sum(feature["significant"] for feature in features)
        slight = f"; {count(moved)} moved, but too little to matter" if moved else ""
        return f"No drift from the training data: none {of} raises an alarm{slight}."
    excess = {feature["name"]: feature["excess"] for feature in features}
    most = [f"{name} (PSI {decimals(excess[name])} above chance)" for name in alarms[:_NAMED]]
    all_of_it = len(alarms) <= _NAMED
    return (
        f"{found['verdict'].capitalize()} drift from the training data: {count(len(alarms))} {of} "
        f"moved, {'' if all_of_it else 'most of all '}{', '.join(most)}."
    )


def _class_sentence(shift: Mapping[str, Any] | None, noun: str, names: Sequence[str]) -> str:
    if shift is None or shift["p_value"] is None:
        return ""
    unknown = f" {count(shift['unknown'])} are of unknown classes." if shift["unknown"] else ""
    if shift["p_value"] > 0.05:
        return f"No shift of the {noun} is shown ({chance(shift['p_value'])}).{unknown}"
    parts = zip(
        shift["classes"], shift["reference"], shift["current"], shift["residuals"], strict=True
    )
    known = [part for part in parts if part[3] is not None]
    known.sort(key=lambda part: -abs(part[3]))
    moved = [part for part in known if abs(part[3]) >= _SURE][:_NAMED] or known[:1]
    said = [
        f"{_name(c, names)} from {share(before)} to {share(now)}" for c, before, now, _ in moved
    ]
    return (
        f"The shares of the {noun} moved ({chance(shift['p_value'])}): {', '.join(said)}.{unknown}"
    )


def _name(code: Any, names: Sequence[str]) -> str:
    known = isinstance(code, int) and code < len(names)
    return f"“{names[code]}”" if known else str(code)


def _features(found: Mapping[str, Any]) -> Table:
    features, rule = found["features"], found["rule"]
    longest = max([f["excess"] or 0 for f in features] + [2 * rule["major"]])
    rows = [
        Row(
            f["name"],
            [
                Cell(decimals(f["excess"]), max(f["excess"] or 0, 0) / longest),
                Cell(probability(f["adjusted_p_value"])),
                Cell(_missing(f)),
            ],
            _TONES.get(f["verdict"], ""),
            _NOTES.get(f["verdict"], f["verdict"]),
        )
        for f in features
    ]
    return Table(
        "Each feature, those that moved most first",
        ["Feature", "PSI above chance", "p, corrected", "Missing"],
        rows,
        f"PSI: population stability index, less what chance gives at this number of rows. A drift "
        f"is minor from {number(rule['minor'])} and major from {number(rule['major'])}, if it is "
        f"significant with {rate(rule['rate'])} false alarms among all alarms.",
        _SHOWN,
    )


def _missing(feature: Mapping[str, Any]) -> str:
    before, now = feature["missing"]
    return share(now) if before == now else f"{share(before)} → {share(now)}"


def _without_labels(analysis: Mapping[str, Any]) -> list[Table]:
    found = analysis.get("estimated_accuracy") or {}
    measured = analysis["estimates"].get("accuracy")
    if not found or not measured:
        return []
    ways = {
        "mean_confidence": "Mean calibrated confidence",
        "thresholded_confidence": "Thresholded confidence",
    }
    rows = [Row("Measured with labels", [
        Cell(value("accuracy", measured["value"])),
        Cell(span("accuracy", measured["low"], measured["high"]) or "—"),
    ])]  # fmt: skip
    for way, name in ways.items():
        one = found[way]
        low, high = one["interval"] or (None, None)
        cells = [Cell(value("accuracy", one["accuracy"])), Cell(span("accuracy", low, high) or "—")]
        rows.append(Row(name, cells))
    return [
        Table(
            "Accuracy, had there been no labels",
            ["Estimate", "Accuracy", "Interval"],
            rows,
            "What the confidence alone says. It holds only while the confidence stays as good as "
            "it was on the split for calibration.",
        )
    ]


def _two_sample(analysis: Mapping[str, Any]) -> list[Table]:
    found = analysis.get("two_sample") or {}
    rows = []
    if "maximum_mean_discrepancy" in found:
        one = found["maximum_mean_discrepancy"]
        cells = [Cell(decimals(one["value"])), Cell(probability(one["p_value"]))]
        rows.append(Row("Maximum mean discrepancy", cells))
    if "classifier" in found:
        one = found["classifier"]
        cells = [Cell(value("accuracy", one["accuracy"])), Cell(probability(one["p_value"]))]
        rows.append(Row("A classifier's accuracy", cells))
    if not rows:
        return []
    caption = (
        "Of the embeddings against those of the split for calibration. Without drift the first "
        "is about 0, and a classifier that is to tell the two apart is right half of the time."
    )
    return [Table("Two-sample tests", ["Test", "Read", "p"], rows, caption)]
